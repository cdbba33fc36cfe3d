import type { Score } from '../../train/index.ts'
import type { TrainFlags } from '../train/settings.ts'
import type { Objective } from '../../config/objectives.ts'
import type { Point } from '../../tune/index.ts'

/** What a search trains from. */
export interface TaskSource {
  /** The configuration's file. */
  readonly config: string
  readonly flags: TrainFlags
  /** Where files lie here, by the path that the configuration gives them. */
  readonly moved?: Readonly<Record<string, string>>
}

/** What a thread is to do: all that it needs to know. */
export interface Task extends TaskSource {
  /** What it is known by, `trials/3`: the end of its folder. */
  readonly name: string
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
  | { readonly state: 'rejected'; readonly reason: string }
  | {
      readonly state: 'failed'
      readonly reason: string
      /** It is the machine that failed, not the training: memory or disk ran out. */
      readonly isMachines?: boolean
    }

/** The validation's score, and what the compiled module takes. */
export interface Measured extends Score {
  readonly bytes: number
  readonly ms?: number
}

/** From a thread: an epoch is done, and it waits to hear whether to stop; all is done; or what it was to look up. */
export type Message =
  | { readonly kind: 'epoch'; readonly epoch: number; readonly value: number; readonly epochs: number }
  | { readonly kind: 'end'; readonly outcome: Outcome }
  | { readonly kind: 'checked'; readonly checked: Checked }

/** To a thread. */
export type Order =
  | { readonly kind: 'task'; readonly task: Task }
  | { readonly kind: 'go'; readonly stops: boolean }
  | { readonly kind: 'check'; readonly source: TaskSource }

/** What is trained from and searched, as text that is the same on all machines; or why that cannot be told. */
export type Checked = Identity | { readonly reason: string }

export interface Identity {
  /** Of model, data and settings. */
  readonly fingerprint: string
  readonly space: string
}
