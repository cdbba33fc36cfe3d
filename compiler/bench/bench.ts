import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { randomInputs } from '../data/index.ts'
import { bytesOf, moduleFile, targets, type ModuleSpec, type Tensor } from '../index.ts'
import type { Engine } from './engines/index.ts'
import { macsPerIteration, peakModule } from './peak.ts'
import { typeNames, type Peer } from './peer.ts'
import { comparison, measurement, ratiosOf, type Comparison, type Measurement } from './results.ts'
import { sizesOf } from './sizes.ts'
import { moduleFiles, peakFiles, taskScript, type Measured, type Payload, type Start, type Value } from './task.ts'

/** A compiled model's files: `NAME.js` and its modules. */
export interface BenchModel {
  readonly folder: string
  readonly name: string
  readonly spec: ModuleSpec
  /** Multiply-accumulates of a run, where they are known. */
  readonly macs: number | null
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
  readonly peer?: Peer
  /** Called when something begins that takes long. */
  readonly onStep?: (what: string) => void
}

export interface EngineBench {
  readonly measurements: readonly Measurement[]
  readonly comparison?: Comparison
  /** Why the peer was not measured. */
  readonly peerAbsent?: string
  /** 10⁹ f32 multiply-accumulates per second in registers. */
  readonly peakGmacs: number
}

const patienceMs = 60_000

/**
 * Measures a model on an engine, and a peer on the same inputs: both in one process, their samples in turns.
 * @throws Error if the engine or the model does, with its message.
 */
export async function bench(engine: Engine, model: BenchModel, options: BenchOptions): Promise<EngineBench> {
  const folder = await mkdtemp(join(tmpdir(), 'attar-bench-'))
  try {
    for (const target of targets) await writeFile(join(folder, peakFiles[target]), peakModule(target))
    return await measure(engine, model, options, folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Runs the task, which starts one system alone or measures attar, with or without the peer. */
type Run = (start: Payload['start'], peer: Peer | undefined) => Promise<unknown>

/** `folder` holds the modules that measure the peak. */
async function measure(engine: Engine, model: BenchModel, options: BenchOptions, folder: string): Promise<EngineBench> {
  const paths = ownPaths(model, folder)
  const run: Run = (start, peer) =>
    engine.run({
      directory: resolve(model.folder),
      name: model.name,
      script: taskScript(),
      payload: payloadOf(model, options, start, peer),
      files: { ...paths, ...peer?.paths },
    })
  const { peer, onStep } = options
  const repeat = async (system: 'attar' | 'peer', name: string): Promise<Start[]> => {
    const results: Start[] = []
    for (let i = 1; i <= options.starts; i++) {
      onStep?.(`${engine.name}: cold start ${i} of ${options.starts} of ${name}`)
      results.push((await run(system, system === 'peer' ? peer : undefined)) as Start)
    }
    return results
  }
  const attarStarts = await repeat('attar', 'attar')
  const peerStarts = peer && (await repeat('peer', peer.name).catch((error: unknown) => absence(engine, error)))
  const compared = typeof peerStarts === 'object'
  onStep?.(`${engine.name}: warm runs`)
  const { variant, attar, peer: peerSamples, peakGmacs } = (await run(null, compared ? peer : undefined)) as Measured

  onStep?.(`${engine.name}: compressing what is downloaded`)
  const place = { model: model.name, engine: engine.name, version: await engine.version() }
  const work = { macs: model.macs, peakGmacs }
  const files = [join(model.folder, `${model.name}.js`), paths[moduleFiles[variant]]!]
  const own = { system: 'attar', variant, bytes: await sizesOf(files) } as const
  const ours = measurement(place, own, attarStarts, attar, work)
  if (!compared || !peer || !peerSamples) {
    return { measurements: [ours], peakGmacs, ...(peerStarts !== undefined && !compared && { peerAbsent: peerStarts }) }
  }
  const other = { system: peer.name, variant: null, bytes: await peer.bytes() }
  const theirs = measurement(place, other, peerStarts, peerSamples, work)
  const ratios = comparison(place, peer.name, ours, theirs, ratiosOf(peerSamples.ms, attar.ms))
  return { measurements: [ours, theirs], comparison: ratios, peakGmacs }
}

function payloadOf(
  { spec }: BenchModel,
  { runs, warmUpMs, seed }: BenchOptions,
  start: Payload['start'],
  peer: Peer | undefined,
): Payload {
  return {
    ...{ moduleFiles, peakFiles, macsPerIteration, patienceMs, runs, warmUpMs, start },
    inputs: Object.entries(randomInputs(spec.inputs, seed)).map(toValue),
    bound: Object.entries(peer?.bound ?? {}).map(toValue),
    peer: peer?.files ?? null,
  }
}

/** Paths of the model's modules and of those that measure the peak, by their names in the job. */
function ownPaths({ folder, name }: BenchModel, peakFolder: string): Record<string, string> {
  const modules = targets
    .map((target) => [moduleFiles[target], resolve(folder, moduleFile(name, target))] as const)
    .filter(([, path]) => existsSync(path))
  const peaks = targets.map((target) => [peakFiles[target], join(peakFolder, peakFiles[target])] as const)
  return Object.fromEntries([...modules, ...peaks])
}

function absence(engine: Engine, error: unknown): string {
  if (engine.name === 'workerd') return 'the engine compiles no WebAssembly at run time'
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!
}

const toValue = ([name, tensor]: [string, Tensor]): Value => ({
  name,
  array: tensor.data[Symbol.toStringTag],
  base64: Buffer.from(bytesOf(tensor)).toString('base64'),
  type: typeNames[tensor.dtype] ?? tensor.dtype,
  shape: tensor.shape,
})
