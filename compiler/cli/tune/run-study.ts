import { join, resolve } from 'node:path'
import type { Objective } from '../../config/objectives.ts'
import type { Settings } from '../../config/schema.ts'
import type { Space, Study, TrialRecord } from '../../tune/index.ts'
import type { Terminal } from '../terminal.ts'
import { setUp } from '../train/run.ts'
import { overridden, readTunable, type TrainFlags } from '../train/settings.ts'
import { comparisonOf, finalRuns } from './finals.ts'
import { openJournal } from './journal-file.ts'
import { TrialThread } from './pool.ts'
import type { Outcome, Task } from './task.ts'
import { trialLine, valueText } from './table.ts'

export interface TuneOptions {
  readonly flags: TrainFlags
  readonly resume: boolean
  readonly say: (line: string) => void
}

/** A search with its settings filled in. */
export interface Search {
  readonly trials: number
  readonly jobs: number
  readonly objectives: readonly Objective[]
  readonly maxSize: number | undefined
  /** Trainings of the best and of the defaults, each with a seed of its own, when the search is done. */
  readonly seeds: number
}

/** Of trials that were over a budget before they were trained, as many as this for each that counts. */
const rejectedForEach = 10

/** Searches as a configuration says; everything goes into the folder `output`. */
export async function tuneRun(path: string, { flags, resume, say }: TuneOptions, output: string, terminal: Terminal) {
  const { fail } = await import('../../index.ts')
  const { named, PointTrial, samplers, stoppers, Study } = await import('../../tune/index.ts')
  const tunable = await readTunable(path)
  if (tunable.space.size === 0)
    fail('A702', `"${path}" asks for no values: there is nothing to search`, {
      hint: "export a function: defineConfig((trial) => ({ train: { learningRate: trial.float('rate', 1e-4, 1e-1, { log: true }) } }))",
    })
  const settings = await overridden(await tunable.at(), flags)
  const { fingerprint, data } = await setUp(settings, {}, terminal)
  const search = searchOf(settings, data.counts !== undefined)
  const { sampler = 'tpe', stopper = 'percentile' } = settings.tune ?? {}
  const { jobs: _, trials: __, ...how } = search
  const journal = await openJournal(output, resume)
  const threads = Array.from({ length: search.jobs }, () => new TrialThread())
  const stop = onFirstInterrupt()
  try {
    const study = new Study(
      {
        ...{ space: tunable.space, sampler: samplers[sampler], stopper: stoppers[stopper] },
        ...{ seed: settings.seed ?? 1, settings: JSON.stringify([fingerprint, sampler, stopper, how]) },
        append: (entry) => journal.append(entry),
      },
      journal.entries,
    )
    const task = (point: TrialRecord['point'], folder: string, scoresTest: boolean, seed = settings.seed): Task => ({
      ...{ config: resolve(path), point, folder: join(output, folder), scoresTest },
      ...{ objectives: search.objectives, maxSize: search.maxSize },
      flags: { ...flags, ...(seed !== undefined && { seed }) },
    })
    const spaceAt = (point: TrialRecord['point']): Space => {
      const trial = new PointTrial(point)
      tunable.configure(trial)
      return trial.space
    }
    const show = (number: number): void => {
      const trial = study.trials[number]!
      say(trialLine(trial, search.objectives, spaceAt(trial.point), bestOf(study) === trial))
    }
    const left = study.trials.filter(({ state }) => state === 'running')
    const next = (): TrialRecord | undefined => {
      if (stop.signal.aborted) return undefined
      const known = left.shift()
      if (known) return known
      const counted = study.trials.filter(({ state }) => state !== 'rejected').length
      const room = counted < search.trials && study.trials.length < search.trials * rejectedForEach
      return room ? study.ask(tunable.configure) : undefined
    }
    const running = new Map<number, string>()
    const status = (): void => terminal.status([...running.values()].join('  '))
    const lane = async (thread: TrialThread): Promise<void> => {
      for (let trial = next(); trial; trial = next()) {
        const { number, point } = trial
        running.set(number, `trial ${number}`)
        status()
        const outcome: Outcome = trial.stops
          ? { state: 'stopped' }
          : await thread.run(task(point, `trials/${number}`, false), (epoch, value, epochs) => {
              running.set(number, `trial ${number}: epoch ${epoch + 1}, ${valueText(search.objectives[0]!, value)}`)
              status()
              return study.report(number, epoch, value, epochs)
            })
        running.delete(number)
        if (stop.signal.aborted) return
        // What the defaults cannot do, others can hardly.
        if (outcome.state === 'failed' && number === 0)
          fail('A702', `the trial with the defaults failed: ${outcome.reason}`)
        const { state } = outcome
        study.end(number, {
          state,
          ...(outcome.state === 'complete' && { values: outcome.values }),
          ...('reason' in outcome && { reason: outcome.reason }),
        })
        show(number)
      }
    }
    stop.signal.addEventListener('abort', () => void Promise.all(threads.map((thread) => thread.close())))
    await Promise.all(threads.map(lane))
    if (stop.signal.aborted) return { interrupted: true as const }
    const best = bestOf(study)
    if (!best)
      return fail('A702', `none of ${study.trials.length} trials came to an end within the budget`, {
        hint: study.trials.at(-1)?.reason ?? '',
      })
    const finals = await finalRuns({
      best,
      first: study.trials[0]!,
      search,
      settings,
      task,
      threads,
      say,
      stop: stop.signal,
    })
    if (stop.signal.aborted) return { interrupted: true as const }
    const { objectives } = search
    const comparison = await comparisonOf(finals)
    const readable = ({ point, curve, state, values, reason, number }: TrialRecord) => ({
      ...{ number, parameters: named(point, spaceAt(point)), state, curve },
      ...(values && { values }),
      ...(reason !== undefined && { reason }),
    })
    return {
      interrupted: false as const,
      parameters: named(best.point, spaceAt(best.point)),
      report: {
        ...{ objectives, best: best.number, front: study.front.map(({ number }) => number) },
        ...{ finals, ...(comparison && { comparison }), trials: study.trials.map(readable) },
      },
      comparison,
      front: study.front.map((trial) => trialLine(trial, objectives, spaceAt(trial.point), trial === best)),
      finals,
    }
  } finally {
    stop.release()
    await Promise.all(threads.map((thread) => thread.close()))
    journal.close()
  }
}

function searchOf({ tune = {} }: Settings, hasClasses: boolean): Search {
  const { trials = 30, jobs = 1, objectives = [hasClasses ? 'accuracy' : 'loss'], maxSize, seeds = 3 } = tune
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

/** The first Ctrl-C ends what runs; the second ends the process as usual. */
function onFirstInterrupt() {
  const abort = new AbortController()
  const release = (): void => void process.off('SIGINT', end)
  const end = (): void => {
    release()
    abort.abort()
  }
  process.on('SIGINT', end)
  return { signal: abort.signal, release }
}
