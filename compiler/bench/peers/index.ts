import { readerBeside, readFile } from '../../data/index.ts'
import { importModel, writeModel, type Graph } from '../../index.ts'
import { inFloats, isQuantized } from '../network/fake-quantization.ts'
import { lowerToIntegers, lowerToNetwork } from '../network/lower.ts'
import { Unsupported, unsupported } from '../network/unsupported.ts'
import { jaxJsTrainer } from './jax-js.ts'
import { litert } from './litert.ts'
import { onnxruntimeWeb } from './onnxruntime-web.ts'
import { forms, peerNames, type Form, type Peer, type PeerModel, type PeerName, type SystemName } from './peer.ts'
import { tfjs, tfjsTrainer } from './tfjs.ts'
import type { Trainee } from './trainee.ts'

export { peerNames, type Peer, type PeerModel, type PeerName, type SystemName }
export type { Trainee } from './trainee.ts'

/** A peer that was not measured, and why. */
export interface Absence {
  readonly system: SystemName
  readonly reason: string
}

/**
 * Other systems with a model. `converted` has paths of the model in a system's own format, where the user made one.
 * @throws CompileError A503 where a system is not installed; where the model can't be read, A1xx or A502.
 */
export const openPeers = (
  names: readonly PeerName[],
  model: PeerModel,
  converted: Partial<Record<PeerName, string>>,
): Promise<Opened> => {
  const { source, spec, bound } = model
  const shapes = Object.fromEntries(spec.inputs.map(({ name, shape }) => [name, shape] as const))
  let graph: Graph | undefined
  const graphOf = (): Graph =>
    (graph ??= importModel(readFile(source), { shapes, bind: bound, readExternal: readerBeside(source) }).graph)
  return opened(names, (name) => openPeer(name, model, graphOf, converted[name]))
}

/**
 * Other systems that train a network.
 * @throws CompileError A503 where a system is not installed.
 */
export const openTrainers = (names: readonly PeerName[], trainee: Trainee): Promise<Opened> =>
  opened(names, (name) => [[name, () => openTrainer(name, trainee)]])

export interface Opened {
  readonly peers: readonly Peer[]
  readonly absent: readonly Absence[]
}

/** Makes a system ready, under the name that its form of the model has. */
type Opening = readonly [name: SystemName, open: () => Promise<Peer> | Peer]

async function opened(names: readonly PeerName[], openingsOf: (name: PeerName) => readonly Opening[]): Promise<Opened> {
  const peers: Peer[] = []
  const absent: Absence[] = []
  for (const [name, open] of names.flatMap(openingsOf)) {
    try {
      peers.push(await open())
    } catch (error) {
      if (!(error instanceof Unsupported)) throw error
      absent.push({ system: name, reason: `it has no equivalent of ${error.message}, which the model needs` })
    }
  }
  return { peers, absent }
}

/** A system with the model; with a quantized one in each form that it can be given, since it is not known which is faster. */
function openPeer(
  name: PeerName,
  model: PeerModel,
  graphOf: () => Graph,
  converted: string | undefined,
): readonly Opening[] {
  if (name !== 'onnxruntime-web' && model.spec.states) return [[name, () => unsupported('states between runs')]]
  const formed = (open: (form: Form) => Promise<Peer> | Peer, of: readonly Form[] = forms): readonly Opening[] =>
    of.map((form): Opening => [`${name} ${form}`, () => open(form)])
  switch (name) {
    case 'onnxruntime-web': {
      if (!isQuantized(graphOf())) return [[name, () => onnxruntimeWeb(model)]]
      return formed(async (form) =>
        onnxruntimeWeb(model, form === 'f32' ? await writeModel(inFloats(graphOf())) : form),
      )
    }
    case 'litert': {
      if (converted !== undefined) return [[name, () => litert(model, converted)]]
      if (!isQuantized(graphOf())) return [[name, () => litert(model, () => lowerToNetwork(graphOf()))]]
      const lowered = { int8: lowerToIntegers, f32: lowerToNetwork }
      return formed((form) => litert(model, () => lowered[form](graphOf()), form))
    }
    case 'tfjs': {
      const open = (form?: Form): Peer => tfjs(model, lowerToNetwork(graphOf()), form)
      return isQuantized(graphOf()) ? formed(open, ['f32']) : [[name, () => open()]]
    }
    case 'jax-js':
      return [[name, () => unsupported('a model that is only run')]]
  }
}

function openTrainer(name: PeerName, trainee: Trainee): Peer {
  switch (name) {
    case 'tfjs':
      return tfjsTrainer(trainee)
    case 'jax-js':
      return jaxJsTrainer(trainee)
    case 'onnxruntime-web':
    case 'litert':
      return unsupported('training')
  }
}
