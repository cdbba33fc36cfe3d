import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import type {
  Accuracy,
  artefacts,
  Compiled,
  EntropyCodingReport,
  Imported,
  KernelReport,
  ModuleSpec,
  RemovedChannels,
  Report,
  Tokenizer,
} from '../../index.ts'
import { formatCount, formatTable, toJson } from '../format.ts'
import { onnxFile } from './emit-onnx.ts'
import { describeAccuracy, describeQuantization } from './quantization.ts'
import { addPixelOptions, describePictures, type PixelOptions } from '../processing/pictures.ts'
import { describePruning } from './prune-options.ts'
import { addCompressOptions, type CompressCliOptions } from './quantize-options.ts'
import { addBudgetOptions, budgetOf, type BudgetOptions } from '../optimize/options.ts'
import { addSoundOptions, describeSound, type SoundOptions } from '../processing/sound.ts'
import { addModuleOptions, checkStorage, storageOf, targetOf, type ModuleOptions } from '../module-options.ts'
import { moduleType } from '../module-type.ts'
import {
  addEachShapeOptions,
  addStateOptions,
  importOptions,
  notEmpty,
  oneShape,
  stateOptions,
  type EachShape,
  type StateOptions,
} from '../options.ts'
import type { AddCommand } from '../program.ts'
import type { PartSize } from '../sizes.ts'
import { preparedSource } from './source.ts'
import { likelyStates, stateHint } from '../state-hint.ts'
import { warnOfSameData } from './same-data.ts'
import type { Terminal } from '../terminal.ts'
import { addTokenizerOptions, describeTexts, type TokenizerOptions } from '../processing/texts.ts'
import { largest } from '../train/module-bytes.ts'
import { describeVocabulary } from './vocabulary-options.ts'

interface Options
  extends
    EachShape,
    StateOptions,
    CompressCliOptions,
    BudgetOptions,
    ModuleOptions,
    PixelOptions,
    SoundOptions,
    TokenizerOptions {
  output: string
  name: string
  emitOnnx?: string
  sizes?: boolean
  profile?: boolean
  json?: boolean
}

const usage = `
attar compile model.onnx -o out/ --train DATA [--val DATA] [--test DATA] --max-size 60kB [--max-drop 1%]
                          looks for a model within a budget: integers, fewer channels, fewer blocks,
                          trained integers, cheapest first; optimization.html tells what was tried.
                          --plan says what it would do, --time 10min bounds it
attar compile model.onnx -o out/ --prune 50% [--calib DATA] [--val DATA]
                          fewer channels, without training: half of the multiply-adds go. With --calib,
                          biases make up for the mean of what is gone. --quantize comes after that,
                          and --max-drop holds for each of the two
attar compile model.onnx -o out/ --vocabulary DATA [--unknown 100] [--vocabulary-map ids.json]
                          tables of embeddings keep only the rows that DATA reads
attar compile model.onnx -o out/ --quantize int8 --calib DATA [--val DATA] [--max-drop 1%]
                          8-bit integers, in ranges that values take on DATA; quantization.html in
                          the folder tells which layers that hurts
attar compile model.onnx -o out/ --quantize weights --bits 4 [--calib DATA]
                          an eighth of the file: weights of 4 bits, arithmetic in f32
attar compile model.onnx -o out/ --quantize weights --bits 3 --calib DATA [--max-drop 1%] [--max-size 60kB]
                          mixed bits: layers that lose most have 4, 8 or f32, within the drop that is allowed or
                          as far as they fit into the bytes. --entropy-code makes 3 bits of what takes 4
attar compile model.onnx -o out/ --pixels --classify softmax --classes cat,dog --fit crop
                          model.classify(imageData) gives [{ label, score }], the best first, for a picture of
                          any size; { top: 3, threshold: 0.1 } behind it gives fewer. run takes pictures, too
attar compile model.onnx -o out/ --pcm --preprocess sound.json [--stream]
                          run takes samples of a sound and computes features itself, as sound.json says:
                          { "rate": 16000, "features": { "window": 400, "hop": 160, "mels": 40, "log": "ln",
                          "add": 1e-6 } }. With --stream each run takes the next hop of a stream, and the
                          module keeps what it needs of those before; model.reset() starts anew
attar compile model.onnx -o out/ --shape input_ids=1,128 … --tokenizer tokenizer.json --classify softmax --classes ham,spam
                          model.classify(text) gives [{ label, score }], model.encode(text) the inputs of run
attar compile model.onnx -o out/ --pixels --detect yolov8 --classes names.txt
                          model.detect(imageData, { threshold: 0.5, iou: 0.45, top: 20 }) gives
                          [{ label, score, box: { x, y, width, height } }] in pixels of the picture
attar compile model.onnx -o out/ --bound k=100
                          the input k is 0 to 100 in each run, and outputs are as long as it says:
                          the modules are compiled for the largest, and refuse a larger one
attar compile model.onnx -o out/ --shape input=1,16000 --shape input=1,32000
                          one module for both shapes, whose weights stand in it once: run takes the shape
                          that the lengths of its inputs fit. --dim batch=1,8 is the same for a dimension
attar compile model.onnx -o out/ --state h=hn --state c=cn [--state-init h=start.npy]
                          run takes and gives neither h nor hn: the module keeps them, model.state.h reads
                          and writes, model.reset() starts anew. With --quantize, the samples of --calib, and
                          those of --val, are steps of one sequence in the order of the file, and have no
                          arrays for states: the float model carries these from each step to the next`

export const addCompile: AddCommand = (program, terminal, done) => {
  const command = program
    .command('compile')
    .description('Compile an ONNX model: out/model.wasm, model.relaxed.wasm, model.js, their types, report.json.')
    .argument('<model.onnx>', 'the model; files with its weights are read from its folder')
    .requiredOption('-o, --output <folder>', 'folder for the artefacts', notEmpty)
    .option('--name <name>', 'name of the files', 'model')
  addBudgetOptions(addCompressOptions(addStateOptions(addEachShapeOptions(command))))
  addTokenizerOptions(addSoundOptions(addPixelOptions(command)))
  addModuleOptions(command)
    .option('--emit-onnx <file.onnx>', 'also write what is compiled as an ONNX model: pruned and quantized', notEmpty)
    .option('--sizes', 'compress at high levels for the sizes that are printed; takes seconds for large models')
    .option('--profile', 'print how long each phase takes')
    .option('--json', 'print the report as JSON')
    .addHelpText('after', usage)
    .action(async (path: string, given: Options) => {
      const { signatures, ...options } = await oneShape(given)
      const { phase, profile } = stopwatch(terminal)
      phase('start')
      const { checkWritable, readFile } = await import('../../data/files.ts')
      const { artefacts, checkName, compile, encoderSource, kernelName, moduleFile, targets, warningLines } =
        await import('../../index.ts')
      const { moduleSizes, scriptSizes } = await import('../sizes.ts')
      const givenSeed = (): number | undefined =>
        command.getOptionValueSource('seed') === 'cli' ? options.seed : undefined
      const { name, inline = false, sizes: best = false } = options
      const target = targetOf(command, options)
      phase('reading')
      // Before what may take minutes.
      checkName(name)
      warnOfSameData(options, terminal)
      checkWritable(options.output)
      const model = readFile(path)
      const importing = await importOptions(path, options)
      const states = await stateOptions(path, options)
      const onnx = options.emitOnnx === undefined ? undefined : await onnxFile(options.emitOnnx, path)
      const made = {
        ...{ ...importing, ...states, ...(signatures && { signatures }) },
        ...(target !== 'both' && { targets: [target] }),
      }
      const searched =
        options.train === undefined && options.config === undefined
          ? undefined
          : await (
              await import('../optimize/index.ts')
            ).optimize(
              path,
              { ...options, targets: target === 'both' ? targets : [target], seed: givenSeed() },
              terminal,
            )
      if (searched?.planned) return
      const prepared = await preparedSource(model, options, made, terminal, searched?.source)
      const { source, tokenizer } = prepared
      const emitted = await onnx?.encode(source as Uint8Array | Imported, importing)
      const compiled = await compile(source, {
        ...{ ...made, ...storageOf(options), onPhase: phase },
        ...prepared.options,
      })
      checkStorage(command, options, compiled)
      const sizes = targets.flatMap((each) => {
        const wasm = compiled.modules[each]
        return wasm && !inline ? [moduleSizes(moduleFile(name, each), wasm, best)] : []
      })
      phase('packaging')
      const files = {
        ...artefacts(compiled, name, { inline, ...(tokenizer && { encoder: encoderSource(tokenizer) }) }),
        ...moduleType(options.output, `${name}.js`, terminal),
        ...searched?.files,
      }
      await write(options.output, name, files)
      if (emitted) onnx!.write(emitted)
      phase('sizes')
      const script = `${name}.js`
      const parts: PartSize[] = [
        ...(await Promise.all(sizes)).flat(),
        await scriptSizes(script, files[script] as string, best),
      ]
      if (emitted) parts.push({ part: options.emitOnnx!, raw: emitted.length })
      const phases = profile()
      const warnings = [...compiled.warnings, ...prepared.warnings]
      if (options.json) {
        const { report, spec } = compiled
        const result = {
          ...{ output: options.output, files: Object.keys(files), parts, spec, report, warnings },
          ...(searched && { optimization: searched.report }),
        }
        terminal.out(toJson(options.profile ? { ...result, phases } : result))
      } else {
        const emittedTargets = targets.filter((each) => compiled.modules[each])
        const namesOf = (k: KernelReport): string[] => emittedTargets.map((each) => kernelName(k, each))
        const kernels = compiled.report.kernels.map((k) => [...new Set(namesOf(k))].join(' / '))
        terminal.out([...(searched ? [...searched.lines, ''] : []), ...describe(compiled, parts, kernels, tokenizer)])
        if (options.profile)
          terminal.out([
            '',
            ...formatTable([['phase', 'ms'], ...phases.map(({ phase, ms }) => [phase, ms.toFixed(0)])]),
          ])
      }
      warnings.forEach((warning) => terminal.err(warningLines(warning)))
      const hint = stateHint(likelyStates(compiled.spec.inputs, compiled.spec.outputs))
      if (hint.length > 0) terminal.err(hint)
      if (searched?.isMissed) done(1)
      else if (largest(compiled) > (searched?.size ?? (await sizeOf(options)) ?? Infinity)) {
        // What --pixels adds is of the script, but its specification stands in the module, too.
        terminal.err(
          `the budget is not kept: a module has ${formatCount(largest(compiled))} bytes with what --pixels or --pcm adds`,
        )
        done(1)
      }
      const { pruning, quantization } = compiled.report
      const overBudget = (accuracy: Accuracy | null, what: string): void => {
        terminal.err(`the budget is not kept: ${describeAccuracy(accuracy!)}; ${what}`)
        done(1)
      }
      if (pruning?.withinBudget === false)
        overBudget(pruning.accuracy, 'a model that loses less keeps more channels, or is trained behind its pruning')
      if (quantization?.withinBudget === false) overBudget(quantization.accuracy, 'this is the best that was found')
    })
}

/** Writes the artefacts. Others of an earlier compilation, which would not fit them, go. */
async function write(folder: string, name: string, files: ReturnType<typeof artefacts>): Promise<void> {
  const { readFile, writeFiles } = await import('../../data/files.ts')
  const { artefactNames, isArtefact } = await import('../../index.ts')
  const stale = artefactNames(name).filter((file) => {
    const path = join(folder, file)
    const isFile = lstatSync(path, { throwIfNoEntry: false })?.isFile() === true
    return !Object.hasOwn(files, file) && isFile && isArtefact(file, readFile(path))
  })
  writeFiles(folder, files, stale)
}

const sizeOf = async ({ maxSize }: BudgetOptions): Promise<number | undefined> =>
  maxSize === undefined ? undefined : (await budgetOf({ maxSize })).size

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

/** What the layers leave out whose weights are stored without zeros. */
function skipped(kernels: readonly KernelReport[]): string[][] {
  const sparse = kernels.filter(({ skippedMacs }) => skippedMacs)
  const macs = sparse.reduce((sum, { skippedMacs = 0 }) => sum + skippedMacs, 0)
  return sparse.length === 0 ? [] : [['MACs by zero', formatCount(macs), `left out in ${sparse.length} kernels`]]
}

const describeCodes = ({ tables, bytes, saved }: EntropyCodingReport): string[] => [
  'entropy coding',
  formatCount(saved),
  `bytes of the file less: ${formatCount(bytes)} bytes of weights in Huffman codes, ${tables === 1 ? 'one table' : `${tables} tables`}`,
]

function describe(
  { report, spec }: Compiled,
  parts: readonly PartSize[],
  kernels: readonly string[],
  tokenizer: Tokenizer | undefined,
): string[] {
  const sizes = parts.map(({ part, raw, gzip, brotli }) => [
    part,
    ...[raw, gzip, brotli].map((n) => (n === undefined ? '' : formatCount(n))),
  ])
  const memory = [
    [
      'memory',
      formatCount(report.memory),
      `bytes: weights ${formatCount(report.weights)}, ${report.prepared ? `their second forms ${formatCount(report.prepared)}, ` : ''}${report.states ? `states ${formatCount(report.state)}, ` : ''}activations ${formatCount(report.arena)}`,
    ],
    ...(report.states ?? []).map(({ input, output, bytes }) => [
      'state',
      formatCount(bytes),
      `bytes: "${input}", which each run sets to output "${output}"`,
    ]),
    ...(report.entropyCoding ? [describeCodes(report.entropyCoding)] : []),
    ['kernels', formatCount(report.kernels.length), kinds(kernels)],
    ...(report.signatures ? shapesOf(spec, report) : [['MACs', formatCount(report.macs)]]),
    ...(spec.pictures ? describePictures(spec.pictures, spec.metadata) : []),
    ...(spec.sound ? describeSound(spec.sound, spec.metadata) : []),
    ...(spec.text ? describeTexts(spec.text, tokenizer!) : []),
    ...skipped(report.kernels),
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
  const { vocabulary, pruning, quantization } = report
  return [
    ...[...formatTable([['bytes', 'raw', 'gzip', 'brotli'], ...sizes]), '', ...formatTable(memory, [2])],
    ...(vocabulary ? ['', ...describeVocabulary(vocabulary)] : []),
    ...(pruning ? ['', ...describePruning(pruning)] : []),
    ...(quantization ? ['', ...describeQuantization(quantization)] : []),
  ]
}

/** What a run at each shape costs. */
const shapesOf = (spec: ModuleSpec, { signatures = [] }: Report): string[][] =>
  signatures.map(({ macs, arena }, i) => [
    'shape',
    '',
    `${spec.signatures![i]!.inputs.map((port) => `${port.name} [${port.shape.join(',')}]`).join(', ')}: ${formatCount(macs)} MACs, activations ${formatCount(arena)} bytes`,
  ])

const goneFrom = (removed: readonly RemovedChannels[]): number =>
  removed.reduce((sum, { before, after }) => sum + before - after, 0)

/** e.g. `12 nest, 9 f32_igemm_4x8`; both names where the modules of the two targets differ. */
function kinds(kernels: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const kernel of kernels) counts.set(kernel, (counts.get(kernel) ?? 0) + 1)
  const sorted = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
  return sorted.map(([kernel, count]) => `${count} ${kernel}`).join(', ')
}
