import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { Option } from 'commander'
import type { Compiled, KernelReport, RemovedChannels, Target } from '../index.ts'
import { formatCount, formatTable, toJson } from './format.ts'
import { describeAccuracy, describeQuantization } from './quantization.ts'
import { addQuantizeOptions, quantized, type QuantizeCliOptions } from './quantize-options.ts'
import { addShapeOptions, importOptions, type ShapeOptions } from './options.ts'
import type { AddCommand } from './program.ts'
import type { PartSize } from './sizes.ts'
import type { Terminal } from './terminal.ts'

interface Options extends ShapeOptions, QuantizeCliOptions {
  output: string
  name: string
  target: Target | 'both'
  sizes?: boolean
  profile?: boolean
  json?: boolean
}

const usage = `
attar compile model.onnx -o out/ --quantize int8 --calib DATA [--val DATA] [--max-drop 1%]
                          8-bit integers, in ranges that values take on DATA; quantization.html in
                          the folder tells which layers that hurts
attar compile model.onnx -o out/ --quantize weights --bits 4 [--calib DATA]
                          an eighth of the file: weights of 4 bits, arithmetic in f32`

export const addCompile: AddCommand = (program, terminal, done) => {
  const command = program
    .command('compile')
    .description('Compile an ONNX model: out/model.wasm, model.relaxed.wasm, model.js, model.d.ts, report.json.')
    .argument('<model.onnx>', 'the model; files with its weights are read from its folder')
    .requiredOption('-o, --output <folder>', 'folder for the artefacts')
    .option('--name <name>', 'name of the files', 'model')
  addQuantizeOptions(addShapeOptions(command))
    .addOption(
      new Option('--target <target>', 'modules to make').choices(['simd', 'relaxed-simd', 'both']).default('both'),
    )
    .option('--sizes', 'compress at high levels for the sizes that are printed; takes seconds for large models')
    .option('--profile', 'print how long each phase takes')
    .option('--json', 'print the report as JSON')
    .addHelpText('after', usage)
    .action(async (path: string, options: Options) => {
      const { phase, profile } = stopwatch(terminal)
      phase('start')
      const { readFile, writeFiles } = await import('../data/files.ts')
      const { artefacts, compile, kernelName, moduleFile, targets } = await import('../index.ts')
      const { moduleSizes, scriptSizes } = await import('./sizes.ts')
      const { name, target, sizes: best = false } = options
      phase('reading')
      const model = readFile(path)
      const importing = await importOptions(path, options)
      const { quantize } = options
      const source = quantize ? await quantized(model, { ...options, quantize }, importing, terminal) : model
      const sizes: Promise<PartSize[]>[] = []
      const compiled = await compile(source, {
        ...importing,
        ...(target !== 'both' && { targets: [target] }),
        onPhase: phase,
        onModule: (each, wasm) => void sizes.push(moduleSizes(moduleFile(name, each), wasm, best)),
      })
      phase('packaging')
      const files = artefacts(compiled, name)
      writeFiles(options.output, files)
      // A module of an earlier compilation would not fit the new script.
      for (const file of targets.map((each) => moduleFile(name, each)))
        if (!files[file]) rmSync(join(options.output, file), { force: true })
      phase('sizes')
      const script = `${name}.js`
      const parts = [...(await Promise.all(sizes)).flat(), await scriptSizes(script, String(files[script]), best)]
      const phases = profile()
      if (options.json) {
        const { report, spec } = compiled
        const result = { output: options.output, files: Object.keys(files), parts, spec, report }
        terminal.out(toJson(options.profile ? { ...result, phases } : result))
      } else {
        const made = targets.filter((each) => compiled.modules[each])
        const namesOf = (k: KernelReport): string[] => made.map((each) => kernelName(k, each))
        const kernels = compiled.report.kernels.map((k) => [...new Set(namesOf(k))].join(' / '))
        terminal.out(describe(compiled, parts, kernels))
        if (options.profile)
          terminal.out(`\n${formatTable([['phase', 'ms'], ...phases.map(({ phase, ms }) => [phase, ms.toFixed(0)])])}`)
      }
      const { quantization } = compiled.report
      if (quantization?.withinBudget === false) {
        terminal.err(
          `the budget is not kept: ${describeAccuracy(quantization.accuracy!)}; this is the best that was found`,
        )
        done(1)
      }
    })
}

interface Phase {
  readonly phase: string
  readonly ms: number
}

/** Shows what is being done; `profile` ends the last phase and gives all. The first begins with the process. */
function stopwatch(terminal: Terminal): { phase(name: string): void; profile(): Phase[] } {
  const begins: { phase: string; at: number }[] = []
  return {
    phase(name) {
      begins.push({ phase: name, at: begins.length === 0 ? 0 : performance.now() })
      terminal.status(name)
    },
    profile() {
      const end = performance.now()
      return begins.map(({ phase, at }, i) => ({ phase, ms: (begins[i + 1]?.at ?? end) - at }))
    },
  }
}

function describe({ report }: Compiled, parts: readonly PartSize[], kernels: readonly string[]): string {
  const sizes = parts.map(({ part, raw, gzip, brotli }) => [
    part,
    ...[raw, gzip, brotli].map((n) => (n === undefined ? '' : formatCount(n))),
  ])
  const memory = [
    [
      'memory',
      formatCount(report.memory),
      `bytes: weights ${formatCount(report.weights)}, activations ${formatCount(report.arena)}`,
    ],
    ['kernels', formatCount(report.kernels.length), kinds(kernels)],
    ['MACs', formatCount(report.macs)],
    ...(report.removed
      ? [
          [
            'channels gone',
            formatCount(goneFrom(report.removed)),
            `from ${report.removed.length} layers; report.json has them`,
          ],
        ]
      : []),
  ]
  const { quantization } = report
  const tables = [formatTable([['bytes', 'raw', 'gzip', 'brotli'], ...sizes]), '', formatTable(memory, [2])]
  return [...tables, ...(quantization ? ['', describeQuantization(quantization)] : [])].join('\n')
}

const goneFrom = (removed: readonly RemovedChannels[]): number =>
  removed.reduce((sum, { before, after }) => sum + before - after, 0)

/** e.g. `12 nest, 9 f32_igemm_4x8`; both names where the modules of the two targets differ. */
function kinds(kernels: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const kernel of kernels) counts.set(kernel, (counts.get(kernel) ?? 0) + 1)
  const sorted = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
  return sorted.map(([kernel, count]) => `${count} ${kernel}`).join(', ')
}
