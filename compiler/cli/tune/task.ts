import type { Score } from '../../train/index.ts'
import type { TrainFlags } from '../train/settings.ts'
import type { Objective } from '../../config/objectives.ts'
import type { Point } from '../../tune/index.ts'

/** What a thread is to do: all that it needs to know. */
export interface Task {
  /** The configuration's file. */
  readonly config: string
  readonly flags: TrainFlags
  readonly point: Point
  /** Where model, report and checkpoint go. */
  readonly folder: string
  readonly objectives: readonly Objective[]
  /** Most bytes of the larger compiled module. */
  readonly maxSize: number | undefined
  /** Whether the test data is scored; a search never looks at it. */
  readonly scoresTest: boolean
}

/** In a final training's folder: for each test sample 1 where it is right, else 0. */
export const rightFile = 'right.json'

/** What a trial came to. `values` are to be minimized. */
export type Outcome =
  | { readonly state: 'complete'; readonly values: number[]; readonly measured: Measured }
  | { readonly state: 'stopped' }
  | { readonly state: 'rejected' | 'failed'; readonly reason: string }

/** The validation's score, and what the compiled module takes. */
export interface Measured extends Score {
  readonly bytes: number
  readonly ms?: number
}

/** From a thread: an epoch is done, and it waits to hear whether to stop; or all is. */
export type Message =
  | { readonly kind: 'epoch'; readonly epoch: number; readonly value: number; readonly epochs: number }
  | { readonly kind: 'end'; readonly outcome: Outcome }

/** To a thread. */
export type Order = { readonly kind: 'task'; readonly task: Task } | { readonly kind: 'go'; readonly stops: boolean }
