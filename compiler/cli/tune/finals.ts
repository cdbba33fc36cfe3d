import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Settings } from '../../config/schema.ts'
import type { TrialRecord } from '../../tune/index.ts'
import type { Score } from '../../train/index.ts'
import { scoreText } from '../train/progress.ts'
import type { TestScore } from '../train/results.ts'
import { throughPool, type Pool } from './pool.ts'
import type { Search } from './run-study.ts'
import { rightFile, type Task } from './task.ts'

/** One training of the best or of the defaults when the search is done, and what its report says. */
export interface Final {
  readonly of: 'best' | 'defaults'
  readonly seed: number
  readonly folder: string
  /** Of the validation data. */
  readonly best: Score
  readonly test?: TestScore
}

interface FinalContext {
  readonly best: TrialRecord
  readonly first: TrialRecord
  readonly search: Search
  readonly settings: Settings
  readonly task: (point: TrialRecord['point'], folder: string, scoresTest: boolean, seed: number) => Task
  readonly pool: Pool
  readonly say: (line: string) => void
  /** Set where the user ends the search. */
  readonly signal: AbortSignal
}

/**
 * Trains with the best values and with the defaults, on as many seeds each, and scores the test data, which nothing has looked at before.
 * A training whose report is there is not done again.
 */
export async function finalRuns(context: FinalContext): Promise<readonly Final[]> {
  const { best, first, search, settings, task, pool, say, signal } = context
  const { fail } = await import('../../index.ts')
  const seeds = Array.from({ length: search.seeds }, (_, i) => (settings.seed ?? 1) + i)
  const sides = [
    { of: 'best' as const, trial: best },
    ...(best === first ? [] : [{ of: 'defaults' as const, trial: first }]),
  ]
  const runs = sides.flatMap(({ of, trial }) =>
    seeds.map((seed) => ({ of, seed, ...task(trial.point, `final/${trial.number}-${seed}`, true, seed) })),
  )
  const done = await Promise.all(runs.map(({ folder }) => isDone(folder, settings)))
  const left = runs.filter((_, i) => !done[i])
  const next = (): (typeof runs)[number] | undefined => (signal.aborted ? undefined : left.shift())
  await throughPool(pool, next, async ({ of, seed, ...own }) => {
    const outcome = await pool.run(own, () => false)
    if (signal.aborted) return
    if (outcome.state === 'failed')
      fail('A702', `the training with the ${of} of seed ${seed} failed: ${outcome.reason}`)
    if (outcome.state === 'complete') say(`final ${of}, seed ${seed}: validation ${scoreText(outcome.measured)}`)
  })
  const finals = await Promise.all(
    runs.map(async ({ of, seed, folder }) => ({ of, seed, folder, ...(await scoresIn(folder)) })),
  )
  return finals.filter((final): final is Final => final.best !== undefined)
}

/** What the report in a folder says; nothing where there is none. */
async function scoresIn(folder: string): Promise<Partial<Pick<Final, 'best' | 'test'>>> {
  const path = join(folder, 'report.json')
  if (!existsSync(path)) return {}
  const { fail } = await import('../../index.ts')
  const { readFile } = await import('../../data/index.ts')
  const { best, test } = (jsonOf(readFile(path)) ?? {}) as Partial<Pick<Final, 'best' | 'test'>>
  if (!isScore(best) || !(test === undefined || isScore(test)))
    return fail('A502', `"${path}" is not the report of a training`)
  return { best, ...(test && { test }) }
}

/** Undefined for what is no JSON. */
function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Losses that are no numbers are null in JSON. */
const isScore = (value: unknown): value is Score => {
  if (typeof value !== 'object' || value === null) return false
  const { loss, accuracy, agreement } = value as Record<keyof Score, unknown>
  const isShare = (share: unknown): boolean => share === undefined || typeof share === 'number'
  return (typeof loss === 'number' || loss === null) && isShare(accuracy) && isShare(agreement)
}

/** Whether a training has come to its end, which is the file that is written behind its report. */
async function isDone(folder: string, { data }: Settings): Promise<boolean> {
  const { best, test } = await scoresIn(folder)
  if (!best) return false
  if (data?.test === undefined) return true
  return test !== undefined && ((test.accuracy ?? test.agreement) === undefined || existsSync(join(folder, rightFile)))
}

/** How much more the best get right of the test data than the defaults, on average over the seeds, with its 95 % interval. */
export interface Comparison {
  readonly difference: number
  /** Of what other samples would give; the seeds are those that there are. */
  readonly interval: readonly [low: number, high: number]
  readonly samples: number
}

/** Sample by sample, which cancels what all find hard. Undefined where the test data was not scored for both. */
export async function comparisonOf(finals: readonly Final[]): Promise<Comparison | undefined> {
  const { fail } = await import('../../index.ts')
  const { readFile } = await import('../../data/index.ts')
  const means = (['best', 'defaults'] as const).map((of) => {
    const paths = finals.filter((f) => f.of === of).map(({ folder }) => join(folder, rightFile))
    if (paths.length === 0 || !paths.every(existsSync)) return undefined
    const all = paths.map((path) => {
      const right = jsonOf(readFile(path))
      const isRight = Array.isArray(right) && right.every((one) => one === 0 || one === 1)
      return isRight ? (right as number[]) : fail('A502', `"${path}" does not say which samples are right`)
    })
    if (all.some(({ length }) => length !== all[0]!.length)) return undefined
    return all[0]!.map((_, i) => all.reduce((sum, right) => sum + right[i]!, 0) / all.length)
  })
  const [best, defaults] = means
  if (!best || !defaults || best.length !== defaults.length) return undefined
  const gaps = best.map((right, i) => right - defaults[i]!)
  const count = gaps.length
  const difference = gaps.reduce((a, b) => a + b, 0) / count
  const variance = gaps.reduce((sum, gap) => sum + (gap - difference) ** 2, 0) / Math.max(1, count - 1)
  const half = 1.96 * Math.sqrt(variance / count)
  return { difference, interval: [difference - half, difference + half], samples: count }
}

export const comparisonLine = ({ difference, interval: [low, high], samples }: Comparison): string => {
  const points = (share: number): string => `${share > 0 ? '+' : ''}${(100 * share).toFixed(2)}`
  const what =
    low > 0 ? 'the best values are better' : high < 0 ? 'the best values are worse' : 'no difference that is sure'
  return `test, best against defaults: ${points(difference)} points (95 % interval ${points(low)} to ${points(high)}, ${samples} samples in pairs): ${what}`
}

/** What the seeds come to, a line for each side: means over them. */
export function finalLines(finals: readonly Final[]): string[] {
  return (['best', 'defaults'] as const).flatMap((of) => {
    const own = finals.filter((final) => final.of === of)
    if (own.length === 0) return []
    const tests = own.flatMap(({ test }) => test ?? [])
    const tested = tests.length > 0 ? `, test ${scoreText(meanOf(tests))}` : ''
    return [`${of}, mean of ${own.length} seeds: validation ${scoreText(meanOf(own.map(({ best }) => best)))}${tested}`]
  })
}

function meanOf(scores: readonly Score[]): Score {
  const mean = (field: keyof Score): number | undefined => {
    const values = scores.flatMap((score) => score[field] ?? [])
    return values.length === scores.length ? values.reduce((a, b) => a + b, 0) / values.length : undefined
  }
  const [accuracy, agreement] = [mean('accuracy'), mean('agreement')]
  return {
    loss: mean('loss')!,
    ...(accuracy !== undefined && { accuracy }),
    ...(agreement !== undefined && { agreement }),
  }
}
