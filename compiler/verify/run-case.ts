import {
  bytesOf,
  CompileError,
  codes,
  elementName,
  flagName,
  formatType,
  type Code,
  type CompileOptions,
  type Shape,
  type Tensor,
  reasonOf,
} from '../index.ts'
import { readerBeside } from '../data/index.ts'
import { join } from 'node:path'
import { decodePictures, lengthsIn, readCase, readSet, readTexts, type Case, type CaseFolder } from './cases.ts'
import { compare, merge, noDifference, toleranceOf, type Comparison, type GivenTolerance } from './compare.ts'
import type { Engine, Runner } from './engine.ts'
import type { Texts } from './instance.ts'

export interface CaseResult {
  readonly case: string
  readonly status: 'pass' | 'fail' | 'unsupported'
  /** Over all outputs, data sets and modules; null where nothing was compared or a difference is infinite. */
  readonly maxAbs: number | null
  readonly maxRel: number | null
  /** Inputs that were bound to their data, since the model cannot be compiled otherwise. */
  readonly bound: readonly string[]
  /** A diagnostic's code, `mismatch`, or `crash` for any other error. */
  readonly code?: Code | 'mismatch' | 'crash'
  readonly message?: string
}

/** What attar says it cannot do; any other diagnostic, on a model that is known to be good, is a failure. */
const unsupportedCodes: readonly Code[] = ['A201', 'A202', 'A203', 'A206', 'A207', 'A401']

/** Compiles a case's model for its data, runs all data sets and compares, more loosely than the case says if `least` is. Never throws. */
export async function runCase(
  { name, folder }: CaseFolder,
  engine: Engine,
  least?: GivenTolerance,
): Promise<CaseResult> {
  const bound = new Set<string>()
  let comparison: Comparison | undefined
  const result = (details: Pick<CaseResult, 'status' | 'code' | 'message'>): CaseResult => {
    const finite = (value: number | undefined): number | null => (Number.isFinite(value) ? value! : null)
    const { maxAbs, maxRel } = comparison ?? {}
    return { case: name, maxAbs: finite(maxAbs), maxRel: finite(maxRel), bound: [...bound], ...details }
  }
  try {
    const test = readCase(folder)
    const compileFor = compiler(test, folder, engine, bound)
    // A runner's own results are carried on, not another's: modules keep them, the reference evaluator is given them.
    const carried = new Map<string, Record<string, Tensor>>()
    const latest = new Map<string, Runner>()
    for (const set of test.sets) {
      const inputs = await decodePictures(test.pictures, readSet(set, 'input', test.inputs, test.labels))
      const strings = readTexts(set, 'input', test.inputs)
      const runners = await compileFor(inputs, strings)
      const expected = readSet(set, 'output', test.outputs, runners[0]?.labels)
      const texts = readTexts(set, 'output', test.outputs)
      for (const runner of runners) {
        const { variant } = runner
        const values = { ...inputs, ...carried.get(variant) }
        if (latest.get(variant) !== runner) await runner.begin?.(values)
        latest.set(variant, runner)
        const outputs = await runner.run(values, strings)
        for (const [output, value] of Object.entries(expected)) {
          const own = toleranceOf(value.dtype, test.meta.tolerance)
          const where = `${variant}, ${set.slice(folder.length + 1)}: output "${output}" is `
          if (!outputs[output]) return result({ status: 'fail', code: 'mismatch', message: `${where}missing` })
          const difference = compare(outputs[output], value, {
            atol: Math.max(own.atol, least?.atol ?? 0),
            rtol: Math.max(own.rtol, least?.rtol ?? 0),
          })
          const wrong = difference.wrong && where + difference.wrong
          comparison = merge(comparison ?? noDifference, { ...difference, wrong })
        }
        for (const [name, text] of Object.entries(texts)) {
          if (Object.hasOwn(expected, name)) continue
          const found = runner.texts?.()[name]
          const message = `${variant}: output "${name}" is ${JSON.stringify(found)}, expected ${JSON.stringify(text)}`
          if (!found || JSON.stringify([found.shape, found.strings]) !== JSON.stringify([text.shape, text.strings]))
            return result({ status: 'fail', code: 'mismatch', message })
        }
        for (const [name, [length]] of Object.entries(lengthsIn(test.outputs, expected))) {
          const message = `${variant}: the sequence "${name}" is longer than ${length}`
          if (expected[flagName(name)]?.data[0] !== 0 && Object.hasOwn(outputs, elementName(name, length)))
            return result({ status: 'fail', code: 'mismatch', message })
        }
        const state = [...test.meta.state].map(([from, to]) => [to, outputs[from]!] as const)
        carried.set(variant, Object.fromEntries(state))
      }
    }
    if (comparison?.wrong) return result({ status: 'fail', code: 'mismatch', message: comparison.wrong })
    return result({ status: 'pass' })
  } catch (error) {
    if (!(error instanceof CompileError)) {
      return result({ status: 'fail', code: 'crash', message: reasonOf(error) })
    }
    const { diagnostics } = error
    const unsupported = diagnostics.every(({ code }) => unsupportedCodes.includes(code))
    const message = diagnostics
      .map(
        ({ code, message, origin }) =>
          `${code} ${codes[code]}${origin ? ` ${origin.operator} "${origin.node}"` : ''}: ${message.replaceAll('\n', ' ')}`,
      )
      .join('; ')
    return result({ status: unsupported ? 'unsupported' : 'fail', code: diagnostics[0]!.code, message })
  }
}

/**
 * Compiles for given inputs, once for each distinct binding. What a lowering must know at compile time (A206, A207) is bound to its
 * data and added to `bound`.
 */
function compiler(
  test: Case,
  folder: string,
  engine: Engine,
  bound: Set<string>,
): (inputs: Readonly<Record<string, Tensor>>, strings: Texts) => Promise<readonly Runner[]> {
  const known = new Map<string, readonly Runner[]>()
  const symbols = new Set(test.inputs.flatMap(({ shape }) => shape ?? []))
  const dims = Object.fromEntries(Object.entries(test.meta.dims).filter(([name]) => symbols.has(name)))
  return async (inputs, strings) => {
    for (;;) {
      const entries = Object.entries(inputs)
      const key = entries.map(([n, t]) => (bound.has(n) ? Buffer.from(bytesOf(t)).toString('latin1') : formatType(t)))
      const runners = known.get(JSON.stringify(key))
      if (runners) return runners
      const bind = Object.fromEntries(entries.filter(([name]) => bound.has(name)))
      const free = entries.filter(([name]) => !bound.has(name))
      const shapes: Record<string, Shape> = {
        ...Object.fromEntries(free.map(([name, t]) => [name, t.shape])),
        ...Object.fromEntries(Object.entries(strings).map(([name, { shape }]) => [name, shape])),
        ...lengthsIn(test.inputs, inputs),
      }
      const chained = [...test.meta.state].filter(([, to]) => !bound.has(to))
      const options: CompileOptions = {
        ...{ shapes, dims, bind, readExternal: readerBeside(join(folder, 'model.onnx')) },
        state: Object.fromEntries(chained.map(([from, to]) => [to, from])),
      }
      try {
        known.set(JSON.stringify(key), await engine.prepare(test.model, options))
      } catch (error) {
        const missing = inputsToBind(error).filter((name) => !bound.has(name) && Object.hasOwn(inputs, name))
        if (missing.length === 0) throw error
        missing.forEach((name) => bound.add(name))
      }
    }
  }
}

/** Other diagnostics may come of what is not known yet; those that do not come again. */
function inputsToBind(error: unknown): readonly string[] {
  const diagnostics = error instanceof CompileError ? error.diagnostics : []
  return diagnostics.flatMap(({ code, inputs }) => (code === 'A206' || code === 'A207' ? (inputs ?? []) : []))
}
