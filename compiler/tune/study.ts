import { fail } from '../core/diagnostics/diagnostic.ts'
import type { Entry } from './journal.ts'
import { fronts } from './pareto.ts'
import { randomOf } from './random.ts'
import { randomSampler } from './samplers/random.ts'
import type { Sampler } from './samplers/index.ts'
import { PointTrial, type Trial } from './trial.ts'
import { startOf, type Point, type Space } from './space.ts'
import type { Stopper } from './stoppers/index.ts'

export interface StudyOptions {
  readonly space: Space
  readonly sampler: Sampler
  readonly stopper: Stopper
  readonly seed: number
  /** What a trial is trained by; a journal goes on with the same only. */
  readonly settings: string
  /** Adds to the journal; when it returns the entry is safe. */
  readonly append: (entry: Entry) => void
}

export interface TrialRecord {
  readonly number: number
  readonly point: Point
  /** What was reported after each epoch. */
  readonly curve: readonly number[]
  /** Whether the last of them is reason to stop. */
  readonly stops: boolean
  readonly state: 'running' | 'complete' | 'stopped' | 'failed' | 'rejected'
  /** What is minimized, each. */
  readonly values?: readonly number[] | undefined
  readonly reason?: string | undefined
}

type Outcome = Omit<Extract<Entry, { kind: 'end' }>, 'kind' | 'trial'>

/**
 * A search. All that it knows comes from the entries of its journal, in their order, so that it goes on where a journal ends. The first trial
 * has the defaults.
 */
export class Study {
  readonly #options: StudyOptions
  readonly #trials: TrialRecord[] = []

  /** @throws CompileError A702 where the entries are of another search. */
  constructor(options: StudyOptions, entries: readonly Entry[] = []) {
    this.#options = options
    const { seed, settings, append } = options
    const own = { kind: 'study', seed, space: spaceText(options.space), settings } as const
    const [head, ...rest] = entries
    if (!head) append(own)
    else if (head.kind !== 'study') fail('A502', 'the journal does not start with what is searched')
    else checkSame(head, own)
    rest.forEach((entry) => this.#apply(entry))
  }

  get trials(): readonly TrialRecord[] {
    return this.#trials
  }

  /** Trials that nothing beats in all of their values, by number. */
  get front(): readonly TrialRecord[] {
    const complete = this.#trials.filter(({ state }) => state === 'complete')
    const [first = []] = fronts(complete.map(({ values }) => values!))
    return first.map((i) => complete[i]!)
  }

  /**
   * The next trial. `configure` asks for the parameters: those that only exist by the values of others are drawn at random, by the
   * trial's own numbers.
   */
  ask(configure: (trial: Trial) => unknown): TrialRecord {
    const { space, sampler, seed } = this.#options
    const number = this.#trials.length
    const random = randomOf(seed, number)
    const ended = this.#trials.filter(({ state }) => state !== 'running')
    const running = this.#trials.filter(({ state }) => state === 'running').map(({ point }) => point)
    const given = number === 0 ? startOf(space) : sampler({ space, ended, running, number, seed, random })
    const trial = new PointTrial(given, (name, parameter) =>
      number === 0
        ? parameter.start
        : randomSampler({ space: new Map([[name, parameter]]), ended, running, number, seed, random })[name]!,
    )
    configure(trial)
    this.#add({ kind: 'start', trial: number, point: trial.point })
    return this.#trials[number]!
  }

  /** What a trial came to after an epoch, from 0 on; whether it is to stop. Asked again for an epoch that is known, it answers as before. */
  report(number: number, epoch: number, value: number, epochs: number): boolean {
    const { curve, stops: known } = this.#trials[number]!
    if (epoch < curve.length) return known && epoch === curve.length - 1
    const others = this.#trials.filter((t) => t.number !== number)
    const completed = others.filter(({ state }) => state === 'complete').map((t) => t.curve)
    const context = { curve: [...curve, value], completed, others: others.map((t) => t.curve) }
    // A trial that has done all of its epochs is complete; the defaults are what others are compared with.
    const stops = number > 0 && epoch + 1 < epochs && this.#options.stopper(context)
    this.#add({ kind: 'epoch', trial: number, epoch, value, stops })
    return stops
  }

  end(number: number, outcome: Outcome): void {
    this.#add({ kind: 'end', trial: number, ...outcome })
  }

  #add(entry: Entry): void {
    this.#options.append(entry)
    this.#apply(entry)
  }

  #apply(entry: Entry): void {
    if (entry.kind === 'study') return fail('A502', 'the journal says twice what is searched')
    const known = this.#trials[entry.trial]
    if (entry.kind === 'start') {
      if (entry.trial !== this.#trials.length) fail('A502', `the journal starts trial ${entry.trial} out of turn`)
      this.#trials.push({ number: entry.trial, point: entry.point, curve: [], stops: false, state: 'running' })
      return
    }
    if (known?.state !== 'running')
      return fail('A502', `the journal goes on with trial ${entry.trial}, which does not run`)
    if (entry.kind === 'epoch') {
      if (entry.epoch !== known.curve.length) fail('A502', `the journal leaves out an epoch of trial ${entry.trial}`)
      this.#trials[entry.trial] = { ...known, curve: [...known.curve, entry.value], stops: entry.stops }
      return
    }
    const { kind: _, trial: __, ...outcome } = entry
    this.#trials[entry.trial] = { ...known, ...outcome }
  }
}

/** A space as text: the same parameters with the same ranges, in their order. */
export const spaceText = (space: Space): string => JSON.stringify([...space])

function checkSame(found: Extract<Entry, { kind: 'study' }>, own: Extract<Entry, { kind: 'study' }>): void {
  const differs = (['space', 'settings', 'seed'] as const).filter((field) => found[field] !== own[field])
  const names = { space: 'parameters and their ranges', settings: 'settings', seed: 'the seed' }
  if (differs.length > 0)
    fail('A702', `the journal is of another search: it differs in ${differs.map((field) => names[field]).join(', ')}`, {
      hint: 'go on with the same configuration, or start anew in another folder',
    })
}
