import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, extname, join } from 'node:path'
import { InvalidArgumentError, Option, type Command } from 'commander'
import type { BenchModel, Comparison, Engine, EngineBench, Measurement, Peer, PeerName } from '../bench/index.ts'
import { formatCount, formatTable, toJson } from './format.ts'
import { addShapeOptions, importOptions, wholeNumber, type ShapeOptions } from './options.ts'
import type { AddCommand } from './program.ts'
import type { Terminal } from './terminal.ts'

interface Options extends ShapeOptions {
  name?: string
  engines: readonly string[]
  against?: PeerName
  model?: string
  runs: number
  starts: number
  warmUp: number
  seed: number
  layers?: boolean
  json?: boolean
}

const usage = `
attar bench out/          sizes, cold start and warm latency of a compiled model
attar bench model.onnx    compiles it first; --shape, --dim and --bind are for this
attar bench model.onnx --layers
                          where the time goes, kernel by kernel, in this process
attar bench out/ --against onnxruntime-web --model model.onnx --engines node,chromium
                          and beside it onnxruntime-web, in one process, run by run in turns`

const names = (text: string): string[] => text.split(',').map((name) => name.trim())

function positive(text: string): number {
  const value = wholeNumber(text)
  if (value === 0) throw new InvalidArgumentError('It is not a positive number.')
  return value
}

export const addBench: AddCommand = (program, terminal) => {
  const command: Command = program
    .command('bench')
    .description('Measure a model on JavaScript engines: bytes, cold start, latency, memory.')
    .argument('<out | model.onnx>', 'a folder that attar compiled into, a .wasm in it, or an ONNX model')
    .option('--name <name>', 'of the models in the folder, this one')
    .option('--engines <names>', 'of node,chromium,firefox,workerd,deno,webkit', names, ['node'])
    .addOption(new Option('--against <system>', 'measure this one too').choices(['onnxruntime-web']))
    .option('--model <model.onnx>', 'what the other system runs')
  addShapeOptions(command)
    .option('--runs <number>', 'samples of the warm latency', positive, 200)
    .option('--starts <number>', 'fresh processes of which the median is the cold start', positive, 3)
    .option('--warm-up <ms>', 'how long each system runs before it is measured', wholeNumber, 1000)
    .option('--seed <number>', 'seed of the random inputs', wholeNumber, 1)
    .option('--layers', 'time each kernel of an ONNX model apart, in this process')
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', usage)
    .action(async (path: string, options: Options) => {
      const isModel = extname(path) === '.onnx'
      if (options.against !== undefined && !isModel && options.model === undefined) {
        command.error('error: --against needs the source: --model model.onnx')
      }
      if (options.layers) {
        if (!isModel) command.error('error: --layers needs an ONNX model: it compiles one that can be timed in parts')
        const { layersOf } = await import('./bench-layers.ts')
        return layersOf(path, options, terminal)
      }
      const folder = mkdtempSync(join(tmpdir(), 'attar-'))
      try {
        const model = await (isModel ? compiled(path, options, folder, terminal) : existing(path, options))
        await benchModel(model, isModel ? path : options.model, options, terminal)
      } finally {
        rmSync(folder, { recursive: true })
      }
    })
}

/** Compiles a model into `folder`. */
async function compiled(path: string, options: Options, folder: string, terminal: Terminal): Promise<BenchModel> {
  const { readFile, writeFiles } = await import('../data/index.ts')
  const { artefacts, compile } = await import('../index.ts')
  terminal.status('compiling')
  const result = await compile(readFile(path), {
    ...(await importOptions(path, options)),
    onPhase: terminal.status,
  })
  const name = options.name ?? basename(path, '.onnx')
  writeFiles(folder, artefacts(result, name))
  return { folder, name, spec: result.spec, macs: result.report.macs }
}

async function existing(path: string, { name }: Options): Promise<BenchModel> {
  const { readModules } = await import('./modules.ts')
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
  const { spec } = readModules(isFolder && name !== undefined ? join(path, `${name}.wasm`) : path)
  const folder = isFolder ? path : dirname(path)
  const file = isFolder ? readdirSync(path).find((entry) => entry.endsWith('.wasm'))! : basename(path)
  const found = name ?? file.replace(/(\.relaxed)?\.wasm$/, '')
  return { folder, name: found, spec, macs: macsOf(folder, found) }
}

/** What the folder's report says, if it is one on this model. */
function macsOf(folder: string, name: string): number | null {
  try {
    const report = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')) as {
      readonly files: readonly { readonly name: string }[]
      readonly compilation: { readonly macs: number }
    }
    return report.files.some((file) => file.name === `${name}.js`) ? report.compilation.macs : null
  } catch {
    return null
  }
}

async function benchModel(
  model: BenchModel,
  source: string | undefined,
  options: Options,
  terminal: Terminal,
): Promise<void> {
  const { bench } = await import('../bench/index.ts')
  const { fail } = await import('../index.ts')
  const { runs, starts, warmUp: warmUpMs, seed, json } = options
  const peer = options.against === undefined ? undefined : await peerOn(source!, options)
  let measured = 0
  for (const engine of await enginesCalled(options.engines)) {
    const { name, absent } = engine
    const skip = (reason: string): void => {
      if (json) terminal.out(toJson({ model: model.name, engine: name, skipped: reason }))
      else terminal.err(`${name}: not measured: ${reason}`)
    }
    if (absent !== undefined) {
      skip(absent)
      continue
    }
    const settings = { runs, starts, warmUpMs, seed, onStep: terminal.status, ...(peer && { peer }) }
    const result = await bench(engine, model, settings).catch((error: unknown) =>
      skip(error instanceof Error ? error.message : String(error)),
    )
    if (!result) continue
    measured++
    if (!json) terminal.out(describe(result))
    else for (const line of jsonLines(result, peer)) terminal.out(toJson(line))
  }
  if (measured === 0) fail('A501', 'no engine could be measured')
}

async function peerOn(source: string, { bind = {} }: Options): Promise<Peer> {
  const { onnxruntimeWeb } = await import('../bench/index.ts')
  const { readTensor } = await import('./tensors.ts')
  const bound = Object.entries(bind).map(([name, file]) => [name, readTensor(file)] as const)
  return onnxruntimeWeb(source, Object.fromEntries(bound))
}

/** `node` stands for the system's Node and for the newest that npm brought. */
async function enginesCalled(wanted: readonly string[]): Promise<Engine[]> {
  const { engines } = await import('../bench/index.ts')
  const { fail } = await import('../index.ts')
  const known = await engines()
  return wanted.flatMap((name) => {
    const found = known.filter((engine) => engine.name === name || engine.name.startsWith(`${name} (`))
    if (found.length > 0) return found
    return fail('A501', `there is no engine "${name}"; attar knows ${known.map((e) => e.name).join(', ')}`)
  })
}

function jsonLines({ measurements, comparison, peerAbsent }: EngineBench, peer: Peer | undefined): object[] {
  const { model, engine } = measurements[0]!
  const absent = peerAbsent === undefined ? [] : [{ model, engine, system: peer!.name, skipped: peerAbsent }]
  return [...measurements, ...(comparison ? [comparison] : []), ...absent]
}

function describe({ measurements, comparison, peerAbsent, peakGmacs }: EngineBench): string {
  const { engine, version, model } = measurements[0]!
  const header = [
    ...['ms', 'cold start', 'compile', 'instantiate', 'first run'],
    ...['median', 'p95', 'best', 'GMAC/s', 'of peak'],
  ]
  const sizes = ['bytes', 'raw', 'gzip', 'brotli', 'memory']
  const title = `${model} on ${engine} (${version}), registers reach ${peakGmacs.toFixed(1)} GMAC/s in f32`
  return [
    title,
    formatTable([header, ...measurements.map(timesOf)]),
    formatTable([sizes, ...measurements.map(sizesOf)]),
    ...(comparison ? [describeComparison(comparison)] : []),
    ...(peerAbsent === undefined ? [] : [`the other system was not measured: ${peerAbsent}`]),
    '',
  ].join('\n')
}

const label = ({ system, variant }: Measurement): string => (variant === null ? system : `${system} ${variant}`)

const ms = (value: number): string => (value < 100 ? value.toPrecision(3) : formatCount(Math.round(value)))

function timesOf(m: Measurement): string[] {
  const times = [m.coldStartMs, m.compileMs, m.instantiateMs, m.firstRunMs, m.medianMs, m.p95Ms, m.bestMs]
  return [
    label(m),
    ...times.map((time) => (time === null ? '-' : ms(time))),
    m.gmacs === null ? '-' : m.gmacs.toFixed(1),
    m.ofPeak === null ? '-' : `${(100 * m.ofPeak).toFixed(0)} %`,
  ]
}

const sizesOf = (m: Measurement): string[] => [
  label(m),
  ...[m.bytes.raw, m.bytes.gzip, m.bytes.brotli, m.peakBytes].map(formatCount),
]

function describeComparison(c: Comparison): string {
  const [ratio, q1, q3, best] = [c.ratio, c.ratioQ1, c.ratioQ3, c.bestRatio].map((x) => x.toFixed(2))
  return `${c.against} takes ${ratio} × attar's time (medians; quartiles of the pairs ${q1} and ${q3}; bests ${best}), ${c.coldStartRatio.toFixed(0)} × for a cold start`
}
