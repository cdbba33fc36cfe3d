import { basename, dirname, extname, join } from 'node:path'
import type { Command } from 'commander'
import type { Absence, BenchModel, EngineBench, Peer, PeerName } from '../../bench/index.ts'
import type { Tensor } from '../../index.ts'
import { toJson } from '../format.ts'
import {
  addShapeOptions,
  addStateOptions,
  asIs,
  boundTensors,
  notEmpty,
  Repeatable,
  seedNumber,
  wholeNumber,
  type ShapeOptions,
  type StateOptions,
} from '../options.ts'
import { isConfig } from '../preconditions.ts'
import { enginesCalled, names } from './engines.ts'
import { compiledModel, existingModel, type ModelFiles } from './model.ts'
import type { AddCommand } from '../program.ts'
import type { Terminal } from '../terminal.ts'

interface Options extends ShapeOptions, StateOptions {
  name?: string
  engines: readonly string[]
  against?: readonly string[]
  peerModel?: Readonly<Record<string, string>>
  model?: string
  runs: number
  starts: number
  warmUp: number
  seed: number
  layers?: boolean
  plan?: string
  html?: string
  json?: boolean
}

const usage = `
attar bench out/          sizes, cold start and warm latency of a compiled model
attar bench model.onnx    compiles it first; --shape, --dim, --bind and --state are for this
attar bench model.onnx --layers
                          where the time goes, kernel by kernel, in this process
attar bench attar.config.ts --engines chromium --against tfjs,jax-js
                          a step of the training that it describes, on random data, and beside it other systems that
                          train the same network; those know f32 image networks with cross-entropy and AdamW
attar bench out/ --against onnxruntime-web,litert,tfjs --model model.onnx --engines chromium
                          and beside it other systems, in one page, run by run in turns; those of TensorFlow
                          run image models, which are converted, and run in browsers only
A quantized --model (QDQ, as compile --emit-onnx writes it) is given to each system in two forms: "int8", with its
integers, and "f32", with the floats that they stand for. TensorFlow.js has f32 only.
A model with states runs on from where the run before left them; onnxruntime-web takes their start in every run.`

export const addBench: AddCommand = (program, terminal) => {
  const command: Command = program
    .command('bench')
    .description('Measure a model on JavaScript engines: bytes, cold start, latency, memory.')
    .argument(
      '<out | model.onnx | config>',
      'a folder that attar compiled into, a .wasm in it, an ONNX model, or a training: attar.config.ts',
    )
    .option('--name <name>', 'of the models in the folder, this one')
    .option('--engines <names>', 'of node,chromium,firefox,workerd,deno,webkit', names, ['node'])
    .option(
      '--against <systems>',
      'measure these too: of onnxruntime-web,litert,tfjs; in training of tfjs,jax-js',
      names,
    )
    .option('--model <model.onnx>', 'what the other systems run')
    .addOption(new Repeatable('--peer-model <litert=file>', 'the model as you converted it: .tflite', asIs))
  addStateOptions(addShapeOptions(command))
    .option('--runs <number>', 'samples of the warm latency', wholeNumber(1, 1_000_000), 200)
    .option('--starts <number>', 'fresh processes of which the median is the cold start', wholeNumber(1, 1000), 3)
    .option('--warm-up <ms>', 'how long each system runs before it is measured', wholeNumber(0, 600_000), 1000)
    .option(
      '--seed <number>',
      'of random inputs: floats in [-1, 1), integers of up to 16 bits, wider ones 0 or 1',
      seedNumber,
      1,
    )
    .option('--layers', 'time each kernel of an ONNX model within its runs, in this process')
    .option(
      '--plan <file.json>',
      'also write these times as a file for --prune latency=… of compile and train',
      notEmpty,
    )
    .option('--html <file>', 'write a report with diagrams too, an HTML page', notEmpty)
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', usage)
    .action(async (path: string, options: Options) => {
      if (options.layers) {
        const { layersOf } = await import('./layers.ts')
        return layersOf(path, options, terminal)
      }
      const { checkWritable, inTemporaryFolder, writeFiles } = await import('../../data/index.ts')
      const { html } = options
      // Before what may take minutes.
      if (html !== undefined) checkWritable(dirname(html), [basename(html)])
      const subjectOf = isConfig(path) ? trained : extname(path) === '.onnx' ? compiled : existing
      const { files, ...subject } = await subjectOf(path, options, terminal)
      await inTemporaryFolder(async (folder) => {
        writeFiles(folder, files)
        const model = subject.model.folder === '' ? { ...subject.model, folder } : subject.model
        await benchModel({ ...subject, model, files }, options, folder, terminal)
      })
    })
}

interface Subject extends ModelFiles {
  /** The ONNX model that was compiled. */
  readonly source?: string
  readonly openPeers: (names: readonly PeerName[], model: BenchModel, folder: string) => Promise<Opened>
}

interface Opened {
  readonly peers: readonly Peer[]
  readonly absent: readonly Absence[]
}

async function trained(path: string, options: Options, terminal: Terminal): Promise<Subject> {
  const { artefacts, checkName } = await import('../../index.ts')
  const { compiledStep } = await import('./training.ts')
  const name = options.name ?? 'training'
  checkName(name)
  const { compiled, training, trainee } = await compiledStep(path, options, terminal)
  return {
    model: { folder: '', name, spec: compiled.spec, work: compiled.report, training },
    files: artefacts(compiled, name),
    openPeers: async (names, _, folder) => {
      const { openTrainers } = await import('../../bench/index.ts')
      return openTrainers(names, { ...(await trainee()), folder })
    },
  }
}

async function compiled(path: string, options: Options, terminal: Terminal): Promise<Subject> {
  return {
    ...(await compiledModel(path, options, terminal)),
    source: path,
    openPeers: (names, model, folder) => peersOf(names, model, path, options, folder),
  }
}

async function existing(path: string, options: Options, terminal: Terminal): Promise<Subject> {
  const { atShape } = await import('./shape.ts')
  const { model, files } = await existingModel(path, options.name)
  return {
    ...{ model: await atShape(model, options, terminal), files },
    openPeers: (names, model, folder) => peersOf(names, model, options.model!, options, folder),
  }
}

async function benchModel(
  { model, source, openPeers }: Subject,
  options: Options,
  folder: string,
  terminal: Terminal,
): Promise<void> {
  const { bench } = await import('../../bench/index.ts')
  const { describe, jsonLines } = await import('./format.ts')
  const { fail } = await import('../../index.ts')
  const { runs, starts, warmUp: warmUpMs, seed, json } = options
  const { peers, absent } = await openPeers(await peersCalled(options), model, folder)
  const skip = (place: { engine?: string; system?: string }, reason: string): void => {
    if (json) terminal.out(toJson({ model: model.name, ...place, skipped: reason }))
    else terminal.err(`${[place.system, place.engine].filter(Boolean).join(' on ')}: not measured: ${reason}`)
  }
  for (const { system, reason } of absent) skip({ system }, reason)
  const results: EngineBench[] = []
  for (const engine of await enginesCalled(options.engines)) {
    if (engine.absent !== undefined) {
      skip({ engine: engine.name }, engine.absent)
      continue
    }
    const settings = { runs, starts, warmUpMs, seed, onStep: terminal.status, peers }
    const result = await bench(engine, model, settings).catch((error: unknown) =>
      skip({ engine: engine.name }, error instanceof Error ? error.message : String(error)),
    )
    if (!result) continue
    results.push(result)
    const isTraining = model.training !== undefined
    if (!json) terminal.out(describe(result, isTraining))
    else for (const line of jsonLines(result, isTraining)) terminal.out(toJson(line))
    for (const { system, reason } of result.absent) skip({ engine: engine.name, system }, reason)
  }
  if (results.length === 0) fail('A501', 'no engine could be measured')
  if (options.html === undefined) return
  const { writeReport } = await import('./report.ts')
  await writeReport(options.html, { model: model.name, results, absent }, source, options, terminal)
}

/** The systems that are named, none where none is. A501 for one that attar does not know. */
async function peersCalled({ against = [], peerModel = {} }: Options): Promise<PeerName[]> {
  const { peerNames } = await import('../../bench/index.ts')
  const { fail } = await import('../../index.ts')
  const known = (name: string): name is PeerName => (peerNames as readonly string[]).includes(name)
  const named = (name: string): PeerName =>
    known(name) ? name : fail('A501', `there is no system "${name}"; attar knows ${peerNames.join(', ')}`)
  for (const name of Object.keys(peerModel)) {
    if (name !== 'litert') fail('A501', `--peer-model is for litert only, not for "${name}"`)
  }
  return [...new Set(against.map(named))]
}

/** Systems that run the model at `source`, which is not looked at where there are none. */
async function peersOf(
  names: readonly PeerName[],
  model: BenchModel,
  source: string,
  { bind = {}, peerModel = {} }: Options,
  folder: string,
): Promise<Opened> {
  if (names.length === 0) return { peers: [], absent: [] }
  const { openPeers } = await import('../../bench/index.ts')
  const [bound, starts] = [await boundTensors(bind, source), await startsOf(model)]
  return openPeers(names, { source, spec: model.spec, bound, starts, folder }, peerModel)
}

/** What the model's states start as. A501 where this Node, and none that npm brought, runs its modules. */
async function startsOf({ folder, name, spec }: BenchModel): Promise<Readonly<Record<string, Tensor>>> {
  if (!spec.states) return {}
  const { readModules } = await import('../modules.ts')
  const { modulePlaces } = await import('../../verify/index.ts')
  const { fail } = await import('../../index.ts')
  const places = modulePlaces()
  try {
    const [runner] = places.runners(readModules(join(folder, `${name}.wasm`)).modules, spec)
    return runner
      ? await runner.begin!()
      : fail('A501', 'no Node here runs the module, so that its states are not known')
  } finally {
    places.close()
  }
}
