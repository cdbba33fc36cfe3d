import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Settings } from '../../config/schema.ts'
import type { TrialRecord } from '../../tune/index.ts'
import { percent } from '../train/progress.ts'
import type { TrialThread } from './pool.ts'
import type { Search } from './run-study.ts'
import type { Task } from './task.ts'

/** One training of the best or of the defaults when the search is done, and what its report says. */
export interface Final {
  readonly of: 'best' | 'defaults'
  readonly seed: number
  readonly folder: string
  readonly best: { readonly loss: number; readonly accuracy?: number }
  readonly test?: {
    readonly loss: number
    readonly accuracy?: number
    readonly interval?: readonly [low: number, high: number]
  }
}

interface FinalContext {
  readonly best: TrialRecord
  readonly first: TrialRecord
  readonly search: Search
  readonly settings: Settings
  readonly task: (point: TrialRecord['point'], folder: string, scoresTest: boolean, seed: number) => Task
  readonly threads: readonly TrialThread[]
  readonly say: (line: string) => void
}

/**
 * Trains with the best values and with the defaults, on as many seeds each, and scores the test data, which nothing has looked at before.
 * A training whose report is there is not done again.
 */
export async function finalRuns(context: FinalContext): Promise<readonly Final[]> {
  const { best, first, search, settings, task, threads, say } = context
  const { fail } = await import('../../index.ts')
  const { readFile } = await import('../../data/index.ts')
  const seeds = Array.from({ length: search.seeds }, (_, i) => (settings.seed ?? 1) + i)
  const sides = [
    { of: 'best' as const, trial: best },
    ...(best === first ? [] : [{ of: 'defaults' as const, trial: first }]),
  ]
  const runs = sides.flatMap(({ of, trial }) =>
    seeds.map((seed) => ({ of, seed, ...task(trial.point, `final/${of}-${seed}`, true, seed) })),
  )
  const left = [...runs]
  const lane = async (thread: TrialThread): Promise<void> => {
    for (let run = left.shift(); run; run = left.shift()) {
      const { of, seed, ...own } = run
      if (existsSync(join(own.folder, 'report.json'))) continue
      const outcome = await thread.run(own, () => false)
      if (outcome.state === 'failed') return
      if (outcome.state === 'complete') say(`final ${of}, seed ${seed}: validation ${scoreText(outcome.measured)}`)
    }
  }
  await Promise.all(threads.map(lane))
  return runs.flatMap(({ of, seed, folder }): Final[] => {
    const path = join(folder, 'report.json')
    if (!existsSync(path)) return []
    const { best, test } = JSON.parse(new TextDecoder().decode(readFile(path))) as Pick<Final, 'best' | 'test'>
    if (typeof best?.loss !== 'number') fail('A502', `"${path}" is not the report of a training`)
    return [{ of, seed, folder, best: judged(best), ...(test && { test: judged(test) }) }]
  })
}

/** Without labels the teacher judges: what agrees with it is right. */
const judged = <S extends Final['best'] & { readonly agreement?: number }>({ agreement, ...score }: S) => ({
  ...score,
  ...(score.accuracy === undefined && agreement !== undefined && { accuracy: agreement }),
})

export const scoreText = ({ loss, accuracy }: Final['best']): string =>
  accuracy === undefined ? `loss ${loss.toFixed(4)}` : percent(accuracy)

/** What the seeds come to, a line for each side: means over them. */
export function finalLines(finals: readonly Final[]): string[] {
  return (['best', 'defaults'] as const).flatMap((of) => {
    const own = finals.filter((final) => final.of === of)
    if (own.length === 0) return []
    const mean = (scores: readonly Final['best'][]): string => {
      const average = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length
      const accuracies = scores.flatMap(({ accuracy }) => accuracy ?? [])
      const loss = average(scores.map((score) => score.loss))
      return scoreText({ loss, ...(accuracies.length === scores.length && { accuracy: average(accuracies) }) })
    }
    const tests = own.flatMap(({ test }) => test ?? [])
    const tested = tests.length > 0 ? `, test ${mean(tests)}` : ''
    return [`${of}, mean of ${own.length} seeds: validation ${mean(own.map(({ best }) => best))}${tested}`]
  })
}
