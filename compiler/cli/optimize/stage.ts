import type { Terminal } from '../terminal.ts'
import type { Candidate, Made } from './candidate.ts'
import type { Budget } from '../../config/schema.ts'
import type { Clock } from './clock.ts'
import type { Judge } from './judge.ts'
import type { Subject } from './subject.ts'

/** A search for a model within a budget, as its stages see it. */
export interface Search {
  readonly subject: Subject
  readonly budget: Budget
  readonly judge: Judge
  readonly clock: Clock
  /** Epochs of a training, before time is short. */
  readonly epochs: number
  /** Folder for what is trained. */
  readonly folder: string
  readonly seed: number
  readonly tried: readonly Candidate[]
  readonly signal: AbortSignal
  readonly terminal: Terminal
  readonly say: (line: string) => void
  /** Compiles and judges a model, and tells of it. */
  consider(made: Made): Promise<Candidate>
}

/** One way of making a model smaller. */
export interface Stage {
  readonly name: string
  /** What it does, for a person. */
  readonly what: string
  /** Epochs that it trains for where trainings have `epochs`; 0 where it trains nothing. */
  epochs(epochs: number): number
  /** Why it would not help here; undefined where it may. */
  pointless(search: Search): string | undefined | Promise<string | undefined>
  run(search: Search): Promise<void>
}
