import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { inTemporaryFolder, randomInputs } from '../data/index.ts'
import { moduleFile, reasonOf, targets, type ModuleSpec, type Report, type Target, type Tensor } from '../index.ts'
import type { Engine } from './engines/index.ts'
import { arithmetics, macsIn, type Macs, type Peaks } from './arithmetic.ts'
import { peakLoops, peakModule } from './peak.ts'
import type { Absence, Peer } from './peers/index.ts'
import { comparison, measurement, type Comparison, type Measurement } from './results.ts'
import { sizesOf } from './sizes.ts'
import { moduleFiles, taskScript, type Measured, type Payload, type Start, type TrainingSteps } from './task.ts'
import { toValue } from './value.ts'

/** A compiled model's files: `NAME.js` and its modules. */
export interface BenchModel {
  readonly folder: string
  readonly name: string
  readonly spec: ModuleSpec
  /** Multiply-accumulates of a run, where they are known. */
  readonly work: Pick<Report, 'macs' | 'integerMacs' | 'dotMacs'> | null
  /** Where a run is a step of training. */
  readonly training?: Training
}

/** What the steps of a training are given. */
export interface Training extends TrainingSteps {
  /** The batch, the same in all steps, and a value for each of the scalars. */
  readonly inputs: Readonly<Record<string, Tensor>>
  readonly loss: string
}

export interface BenchOptions {
  /** Samples of the warm latency; fewer are taken if they take longer than a minute. */
  readonly runs: number
  /** Fresh processes whose median is the cold start, for each system. */
  readonly starts: number
  /** Milliseconds that each system runs before it is measured. */
  readonly warmUpMs: number
  /** Of the random inputs. */
  readonly seed: number
  /** Systems that are measured beside attar, on the same inputs. */
  readonly peers?: readonly Peer[]
  /** Called when something begins that takes long. */
  readonly onStep?: (what: string) => void
}

export interface EngineBench {
  /** attar's first. */
  readonly measurements: readonly Measurement[]
  /** One for each peer that was measured. */
  readonly comparisons: readonly Comparison[]
  readonly absent: readonly Absence[]
  /** What the machine reaches in registers. */
  readonly peaks: Peaks
  /** Those of attar's module, where they are known. */
  readonly macs: Macs | null
}

const patienceMs = 60_000

/**
 * Measures a model on an engine, and peers on the same inputs: all in one process, their samples in turns.
 * @throws Error if the engine or the model does, with its message.
 */
export async function bench(engine: Engine, model: BenchModel, options: BenchOptions): Promise<EngineBench> {
  return inTemporaryFolder(async (folder) => {
    for (const loop of peakLoops) await writeFile(join(folder, loop.file), peakModule(loop))
    return measure(engine, model, options, folder)
  })
}

/** Runs the task, which starts one system alone or measures all in turns. */
type Run = (start: Payload['start'], peers: readonly Peer[]) => Promise<unknown>

/** `folder` holds the modules that measure the peak. */
async function measure(engine: Engine, model: BenchModel, options: BenchOptions, folder: string): Promise<EngineBench> {
  const paths = ownPaths(model, folder)
  const run: Run = (start, peers) =>
    engine.run({
      directory: resolve(model.folder),
      name: model.name,
      script: taskScript(Object.fromEntries(peers.map((peer) => [peer.name, peer.start]))),
      payload: payloadOf(model, options, start, peers),
      files: Object.assign({}, paths, ...peers.map((peer) => peer.paths)) as Record<string, string>,
    })
  const { onStep } = options
  const absent: Absence[] = []
  const attarStarts: Start[] = []
  let present = (options.peers ?? []).map((peer) => ({ peer, starts: [] as Start[] }))
  // In turns, like the warm runs: machines are faster at one time than at another.
  for (let i = 1; i <= options.starts; i++) {
    const step = (system: string): void => onStep?.(`${engine.name}: cold start ${i} of ${options.starts} of ${system}`)
    step('attar')
    attarStarts.push((await run('attar', [])) as Start)
    for (const { peer, starts } of present) {
      step(peer.name)
      try {
        if (peer.inPages && !engine.isBrowser) throw new Error('it runs in browsers only')
        starts.push((await run(peer.name, [peer])) as Start)
      } catch (error) {
        absent.push({ system: peer.name, reason: causeOf(engine, error) })
      }
    }
    present = present.filter(({ starts }) => starts.length === i)
  }
  onStep?.(`${engine.name}: warm runs`)
  const measured = (await run(
    null,
    present.map(({ peer }) => peer),
  )) as Measured

  onStep?.(`${engine.name}: compressing what is downloaded`)
  const place = { model: model.name, engine: engine.name, version: await engine.version() }
  const { variant, attar, peaks } = measured
  const macs = model.work && macsIn(model.work, variant, peaks.dot !== undefined)
  const work = { macs, peaks }
  const files = [join(model.folder, `${model.name}.js`), paths[moduleFiles[variant]]!]
  const own = { system: 'attar', variant, bytes: await sizesOf(files) } as const
  const ours = measurement(place, own, attarStarts, attar, work)
  const others = await Promise.all(
    present.map(async ({ peer, starts }, i) => {
      const samples = measured.peers[i]!
      const system = { system: peer.name, variant: samples.variant ?? null, bytes: await peer.bytes() }
      const theirs = measurement(place, system, starts, samples, work)
      return { theirs, ratios: comparison(place, peer.name, ours, theirs, samples) }
    }),
  )
  return {
    measurements: [ours, ...others.map(({ theirs }) => theirs)],
    comparisons: others.map(({ ratios }) => ratios),
    absent,
    peaks,
    macs,
  }
}

function payloadOf(
  { spec, work, training }: BenchModel,
  { runs, warmUpMs, seed }: BenchOptions,
  start: Payload['start'],
  peers: readonly Peer[],
): Payload {
  const usedBy = (target: Target) => arithmetics.filter((kind) => work && macsIn(work, target)[kind] > 0)
  return {
    ...{ moduleFiles, peakLoops, patienceMs, runs, warmUpMs, start },
    arithmetics: { simd: usedBy('simd'), 'relaxed-simd': usedBy('relaxed-simd') },
    inputs: Object.entries(training?.inputs ?? randomInputs(spec.inputs, seed)).map(toValue),
    outputs: training ? [training.loss] : spec.outputs.map(({ name }) => name),
    dtypes: training ? ['f32'] : spec.outputs.map(({ dtype }) => dtype),
    training: training ? { scalars: training.scalars } : null,
    peers: peers.map(({ name, settings }) => ({ name, settings })),
  }
}

/** Paths of the model's modules and of those that measure the peak, by their names in the job. */
function ownPaths({ folder, name }: BenchModel, peakFolder: string): Record<string, string> {
  const modules = targets
    .map((target) => [moduleFiles[target], resolve(folder, moduleFile(name, target))] as const)
    .filter(([, path]) => existsSync(path))
  const peaks = peakLoops.map(({ file }) => [file, join(peakFolder, file)] as const)
  return Object.fromEntries([...modules, ...peaks])
}

function causeOf(engine: Engine, error: unknown): string {
  if (engine.name === 'workerd') return 'the engine compiles no WebAssembly at run time'
  return reasonOf(error).split('\n')[0]!
}
