import { join, resolve } from 'node:path'
import type { Objective } from '../../config/objectives.ts'
import type { Settings } from '../../config/schema.ts'
import type { Loss, LossName } from '../../train/index.ts'
import type { Point, Space, Study, TrialRecord } from '../../tune/index.ts'
import { interruptible } from '../interruptible.ts'
import type { Terminal } from '../terminal.ts'
import { setUp } from '../train/run.ts'
import { overridden, readTunable, type TrainFlags, type Tunable } from '../train/settings.ts'
import { comparisonOf, finalRuns } from './finals.ts'
import { openJournal } from './journal-file.ts'
import { ThreadPool, throughPool, type Judge, type Pool } from './pool.ts'
import type { Outcome, Task } from './task.ts'
import { trialLine, valueText } from './table.ts'

export interface TuneOptions {
  readonly flags: TrainFlags
  /** Where workers get trials; without it they run here. */
  readonly queue: { readonly url: string; readonly lease: number | undefined } | undefined
  readonly resume: boolean
  readonly say: (line: string) => void
}

/** A search with its settings filled in. */
export interface Search {
  readonly trials: number
  /** Most trials at the same time. */
  readonly jobs: number | undefined
  readonly objectives: readonly Objective[]
  readonly maxSize: number | undefined
  /** Trainings of the best and of the defaults, each with a seed of its own, when the search is done. */
  readonly seeds: number
}

/** Of trials that were over a budget before they were trained, as many as this for each that counts. */
const rejectedForEach = 10

/** Searches as a configuration says; everything goes into the folder `output`. Ctrl-C ends it; the journal holds what was done. */
export async function tuneRun(
  path: string,
  { flags, resume, say, queue }: TuneOptions,
  output: string,
  terminal: Terminal,
) {
  const { fail } = await import('../../index.ts')
  const { named, samplers, stoppers, Study } = await import('../../tune/index.ts')
  const tunable = await readTunable(path)
  if (tunable.space.size === 0)
    fail('A702', `"${path}" asks for no values: there is nothing to search`, {
      hint: "export a function: defineConfig((trial) => ({ train: { learningRate: trial.float('rate', 1e-4, 1e-1, { log: true }) } }))",
    })
  const settings = await overridden(await tunable.at(), flags)
  const { fingerprint, fitting } = await setUp(settings, {}, terminal)
  const search = await searchOf(settings, fitting.loss)
  const { sampler = 'tpe', stopper = 'percentile' } = settings.tune ?? {}
  const { jobs: _, trials: __, ...how } = search
  const journal = await openJournal(output, resume)
  let pool: Pool | undefined
  try {
    const study = new Study(
      {
        ...{ space: tunable.space, sampler: samplers[sampler], stopper: stoppers[stopper] },
        ...{ seed: settings.seed ?? 1, settings: JSON.stringify([fingerprint, sampler, stopper, how]) },
        append: (entry) => journal.append(entry),
      },
      journal.entries,
    )
    const { objectives, maxSize } = search
    const task = (point: Point, folder: string, scoresTest: boolean, seed = settings.seed): Task => ({
      ...{ config: resolve(path), point, name: folder, folder: join(output, folder), scoresTest, objectives, maxSize },
      flags: { ...flags, ...(seed !== undefined && { seed }) },
    })
    const spaceAt = await spacesOf(tunable)
    const line = (trial: TrialRecord): string =>
      trialLine(trial, objectives, spaceAt(trial.point), trial === bestOf(study))
    pool = queue
      ? await (
          await import('./queue/open.ts')
        ).queuePool(path, {
          ...queue,
          ...{ settings, flags, search, fingerprint, output, space: tunable.space, terminal },
        })
      : new ThreadPool(search.jobs ?? 1)
    return await interruptible(async (signal) => {
      signal.addEventListener('abort', () => void pool!.close())
      const context = { search, task, pool: pool!, signal, say }
      await runTrials(study, { ...context, configure: tunable.configure, line, terminal })
      if (signal.aborted) return undefined
      const best = bestOf(study)
      if (!best)
        return fail('A702', `none of ${study.trials.length} trials came to an end within the budget`, {
          hint: study.trials.at(-1)?.reason ?? '',
        })
      const finals = await finalRuns({ ...context, best, first: study.trials[0]!, settings })
      if (signal.aborted) return undefined
      const comparison = await comparisonOf(finals)
      const readable = ({ point, curve, state, values, reason, number }: TrialRecord) => ({
        ...{ number, parameters: named(point, spaceAt(point)), state, curve },
        ...(values && { values }),
        ...(reason !== undefined && { reason }),
      })
      return {
        parameters: named(best.point, spaceAt(best.point)),
        report: {
          ...{ objectives, best: best.number, front: study.front.map(({ number }) => number) },
          ...{ finals, ...(comparison && { comparison }), trials: study.trials.map(readable) },
        },
        front: study.front.map(line),
        ...{ comparison, finals },
      }
    })
  } finally {
    await pool?.close()
    journal.close()
  }
}

interface TrialsContext {
  readonly search: Search
  readonly configure: Tunable['configure']
  readonly task: (point: Point, folder: string, scoresTest: boolean) => Task
  readonly pool: Pool
  readonly signal: AbortSignal
  readonly line: (trial: TrialRecord) => string
  readonly say: (line: string) => void
  readonly terminal: Terminal
}

/** Runs trials, as many at a time as the pool takes, those first that a journal left running. */
async function runTrials(study: Study, context: TrialsContext): Promise<void> {
  const { search, configure, task, pool, signal, line, say, terminal } = context
  const { fail } = await import('../../index.ts')
  const left = study.trials.filter(({ state }) => state === 'running')
  const next = (): TrialRecord | undefined => {
    if (signal.aborted) return undefined
    const known = left.shift()
    if (known) return known
    const counted = study.trials.filter(({ state }) => state !== 'rejected').length
    const room = counted < search.trials && study.trials.length < search.trials * rejectedForEach
    return room ? study.ask(configure) : undefined
  }
  const running = new Map<number, string>()
  const show = (): void => {
    const all = [...running].map(([n, what]) => ({ name: nameOf(n), text: `trial ${n}${what}` }))
    terminal.status(pool.table(all))
  }
  let isDone = false
  const watch = async (): Promise<void> => {
    while (!isDone) {
      show()
      await pool.changed()
    }
  }
  void watch()
  try {
    await throughPool(pool, next, async ({ number, point, stops }) => {
      running.set(number, '')
      show()
      const judge: Judge = (epoch, value, epochs) => {
        running.set(number, `: epoch ${epoch + 1}, ${valueText(search.objectives[0]!, value)}`)
        show()
        return study.report(number, epoch, value, epochs)
      }
      const outcome: Outcome = stops ? { state: 'stopped' } : await pool.run(task(point, nameOf(number), false), judge)
      running.delete(number)
      if (signal.aborted) return
      // What the defaults cannot do, others can hardly.
      if (outcome.state === 'failed' && number === 0)
        fail('A702', `the trial with the defaults failed: ${outcome.reason}`)
      study.end(number, {
        state: outcome.state,
        ...(outcome.state === 'complete' && { values: outcome.values }),
        ...('reason' in outcome && { reason: outcome.reason }),
      })
      say(line(study.trials[number]!))
    })
  } finally {
    isDone = true
  }
}

const nameOf = (number: number): string => `trials/${number}`

/** What a configuration asks for where its parameters have given values. */
async function spacesOf({ configure }: Tunable): Promise<(point: Point) => Space> {
  const { PointTrial } = await import('../../tune/index.ts')
  return (point) => {
    const trial = new PointTrial(point)
    configure(trial)
    return trial.space
  }
}

/** A702 for an objective that the loss does not have. */
async function searchOf({ tune = {} }: Settings, loss: LossName): Promise<Search> {
  const { fail } = await import('../../index.ts')
  const { losses } = await import('../../train/index.ts')
  const hasAccuracy = (losses[loss] as Loss).correct !== undefined
  const { trials = 30, jobs, objectives = [hasAccuracy ? 'accuracy' : 'loss'], maxSize, seeds = 3 } = tune
  if (!hasAccuracy && objectives.includes('accuracy'))
    fail('A702', `tune: the loss ${loss} has no accuracy`, { hint: "objectives: ['loss']" })
  return { trials, jobs, objectives, maxSize, seeds }
}

/** The least of the first objective; of equals the one with less of the next, then the earlier. */
function bestOf(study: Study): TrialRecord | undefined {
  const complete = study.trials.filter(({ state }) => state === 'complete')
  const order = (a: TrialRecord, b: TrialRecord): number => {
    const at = a.values!.findIndex((value, i) => value !== b.values![i])
    return at < 0 ? a.number - b.number : a.values![at]! - b.values![at]!
  }
  return complete.sort(order)[0]
}
