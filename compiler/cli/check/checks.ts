import type { Facts } from './facts.ts'
import type { Limits, TimeLimit } from './limits.ts'
import { platforms, type Platform, type PlatformLimit, type PlatformName, type Source } from './platforms.ts'

/** Something that was held against a limit. */
export interface Check {
  readonly check: string
  /** Where it was measured, of times. */
  readonly engine: string | null
  /** What sets the limit: an option, or a platform. */
  readonly of: string
  /** Bytes, milliseconds, or a ratio to the calibration loop; of what is no number, words. */
  readonly unit: 'bytes' | 'ms' | 'x' | null
  readonly value: number | string
  readonly limit: number | string
  readonly passed: boolean
  /** What the numbers are of, or what to do where it failed. */
  readonly note?: string
  readonly source?: Source
}

/** Times of a model on an engine, in milliseconds, and over those of the calibration loop, in turns. */
export interface Timing {
  readonly engine: string
  readonly version: string
  readonly coldStart: Readonly<Record<'ms' | 'x', number>>
  readonly latency: Readonly<Record<'ms' | 'x', number>>
}

/** Whether a model has to be run for these. */
export const needsTimes = ({ maxColdStart, maxLatency }: Limits, names: readonly PlatformName[]): boolean =>
  maxColdStart !== undefined ||
  maxLatency !== undefined ||
  names.some((name) => platforms[name].limits.some(({ what }) => what === 'cold start' || what === 'latency'))

/** Everything that was asked for, the user's own limits first. */
export function checksOf(
  facts: Facts,
  limits: Limits,
  names: readonly PlatformName[],
  timings: readonly Timing[],
): Check[] {
  return [...ownChecks(facts, limits, timings), ...names.flatMap((name) => platformChecks(facts, name, timings))]
}

function ownChecks({ download: { sizes }, memory }: Facts, limits: Limits, timings: readonly Timing[]): Check[] {
  const atMost = (check: string, of: string, value: number, limit: number | undefined): Check[] =>
    limit === undefined ? [] : [{ check, engine: null, of, unit: 'bytes', value, limit, passed: value <= limit }]
  const inTime = (check: 'cold start' | 'latency', of: string, limit: TimeLimit | undefined): Check[] =>
    limit === undefined
      ? []
      : timings.map((timing) => {
          const value = timing[check === 'latency' ? 'latency' : 'coldStart'][limit.unit]
          return {
            check,
            engine: timing.engine,
            of,
            unit: limit.unit,
            value,
            limit: limit.max,
            passed: value <= limit.max,
          }
        })
  return [
    ...atMost('size', '--max-size', sizes.raw, limits.maxSize),
    ...atMost('gzip', '--max-gzip', sizes.gzip, limits.maxGzip),
    ...atMost('brotli', '--max-brotli', sizes.brotli, limits.maxBrotli),
    ...atMost('memory', '--max-memory', memory, limits.maxMemory),
    ...inTime('cold start', '--max-cold-start', limits.maxColdStart),
    ...inTime('latency', '--max-latency', limits.maxLatency),
  ]
}

function platformChecks(facts: Facts, name: PlatformName, timings: readonly Timing[]): Check[] {
  const platform: Platform = platforms[name]
  return [
    ...platform.limits.flatMap((limit) => numberChecks(facts, name, limit, timings)),
    ...formChecks(facts, name, platform),
  ]
}

function numberChecks(
  { download: { sizes }, memory }: Facts,
  of: PlatformName,
  { what, max: limit, source, note }: PlatformLimit,
  timings: readonly Timing[],
): Check[] {
  const held = { check: what, of, limit, source, ...(note !== undefined && { note }) }
  if (what === 'cold start' || what === 'latency') {
    return timings.map((timing) => {
      const value = timing[what === 'latency' ? 'latency' : 'coldStart'].ms
      return { ...held, engine: timing.engine, unit: 'ms', value, passed: value <= limit }
    })
  }
  const value = { size: sizes.raw, gzip: sizes.gzip, memory }[what]
  return [{ ...held, engine: null, unit: 'bytes', value, passed: value <= limit }]
}

/** Text that runs text as code. */
const evaluation = /\beval\s*\(|\bFunction\s*\(/

function formChecks({ inline, targets, moduleBytes, script }: Facts, of: PlatformName, platform: Platform): Check[] {
  const checks: Check[] = []
  const add = (check: string, source: Source, value: string, limit: string, passed: boolean, way: string): void =>
    void checks.push({
      check,
      engine: null,
      of,
      unit: null,
      value,
      limit,
      passed,
      source,
      ...(!passed && { note: way }),
    })
  const form = inline ? 'in the script' : 'a file'
  const { compilesAhead, lacksRelaxed, lacksScripts, refusesEval, synchronous } = platform
  if (compilesAhead)
    add(
      'module',
      compilesAhead,
      form,
      'a file',
      !inline,
      'it compiles no module at run time: compile without --inline, and import the .wasm',
    )
  if (lacksScripts)
    add(
      'module',
      lacksScripts,
      form,
      'a file',
      !inline,
      'its JavaScript has no WebAssembly: compile without --inline, and link the .wasm into a program of another language',
    )
  if (lacksRelaxed)
    add(
      'instructions',
      lacksRelaxed,
      targets.join(', '),
      'simd',
      targets.includes('simd'),
      'it, or one of its engines, has no relaxed SIMD: compile for --target simd or both',
    )
  if (refusesEval && script !== undefined) {
    const found = evaluation.exec(script)?.[0]
    add('code from text', refusesEval, found ?? 'none', 'none', found === undefined, 'it refuses to run text as code')
  }
  if (synchronous && inline)
    checks.push({
      ...{ check: 'synchronous compile', engine: null, of, unit: 'bytes', value: moduleBytes, limit: synchronous.max },
      ...{ passed: moduleBytes <= synchronous.max, source: synchronous.source },
      note: 'of instantiate() on the main thread; load() has no such limit',
    })
  return checks
}
