/** What a trial has reported so far, one value after each epoch; less is better. */
export type Curve = readonly number[]

export interface StopperContext {
  /** Of the trial in question. */
  readonly curve: Curve
  /** Of trials that ran to their end. */
  readonly completed: readonly Curve[]
  /** Of all other trials, those that were stopped or still run among them. */
  readonly others: readonly Curve[]
}

/** Whether a trial is not worth going on with: a function of its context alone. */
export type Stopper = (context: StopperContext) => boolean

/** The least of the first `count` values; those that are no numbers do not count. */
export const bestOf = (curve: Curve, count = curve.length): number =>
  curve.slice(0, count).reduce((best, value) => (value < best ? value : best), Infinity)
