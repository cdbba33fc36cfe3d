import { readerBeside, readFile } from '../../data/index.ts'
import { importModel } from '../../index.ts'
import { lowerToNetwork } from '../network/lower.ts'
import type { Network } from '../network/network.ts'
import { Unsupported, unsupported } from '../network/unsupported.ts'
import { jaxJsTrainer } from './jax-js.ts'
import { litert } from './litert.ts'
import { onnxruntimeWeb } from './onnxruntime-web.ts'
import { peerNames, type Peer, type PeerModel, type PeerName, type SystemName } from './peer.ts'
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
): Promise<Opened> => opened(names, (name) => openPeer(name, model, converted[name]))

/**
 * Other systems that train a network.
 * @throws CompileError A503 where a system is not installed.
 */
export const openTrainers = (names: readonly PeerName[], trainee: Trainee): Promise<Opened> =>
  opened(names, (name) => openTrainer(name, trainee))

export interface Opened {
  readonly peers: readonly Peer[]
  readonly absent: readonly Absence[]
}

async function opened(names: readonly PeerName[], open: (name: PeerName) => Promise<Peer> | Peer): Promise<Opened> {
  const peers: Peer[] = []
  const absent: Absence[] = []
  for (const name of names) {
    try {
      peers.push(await open(name))
    } catch (error) {
      if (!(error instanceof Unsupported)) throw error
      absent.push({ system: name, reason: `it has no equivalent of ${error.message}, which the model needs` })
    }
  }
  return { peers, absent }
}

function openPeer(name: PeerName, model: PeerModel, converted: string | undefined): Promise<Peer> | Peer {
  if (name !== 'onnxruntime-web' && model.spec.states) unsupported('states between runs')
  switch (name) {
    case 'onnxruntime-web':
      return onnxruntimeWeb(model)
    case 'litert':
      return litert(model, converted ?? (() => networkOf(model)))
    case 'tfjs':
      return tfjs(model, networkOf(model))
    case 'jax-js':
      return unsupported('a model that is only run')
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

function networkOf({ source, spec, bound }: PeerModel): Network {
  const shapes = Object.fromEntries(spec.inputs.map(({ name, shape }) => [name, shape] as const))
  const { graph } = importModel(readFile(source), { shapes, bind: bound, readExternal: readerBeside(source) })
  return lowerToNetwork(graph)
}
