import type { Random } from '../../core/random/random.ts'
import type { Point, Space } from '../space.ts'

/** A trial that ended, as samplers see it. */
export interface Observed {
  readonly point: Point
  /** What is minimized, each; none for a trial that failed or was over a budget. */
  readonly values?: readonly number[] | undefined
}

export interface SamplerContext {
  readonly space: Space
  /** By number of trial. */
  readonly ended: readonly Observed[]
  /** Points of trials that have not ended. */
  readonly running: readonly Point[]
  /** The trial's number. */
  readonly number: number
  readonly seed: number
  /** The trial's own. */
  readonly random: Random
}

/** Chooses the point of a trial: a function of its context alone. */
export type Sampler = (context: SamplerContext) => Point
