import type { TypedArray } from '../core/dtype.ts'

/** One sample: the data of each input, and what the loss compares with. */
export interface Sample {
  readonly inputs: Readonly<Record<string, TypedArray>>
  /** The number of a class, or the values that the scores should have. */
  readonly target: ArrayLike<number>
}

/** A data set that may be larger than memory. */
export interface Samples {
  readonly count: number
  /** Sample `index`, as it is shown in `epoch`. */
  at(index: number, epoch: number): Sample | Promise<Sample>
}

export const samplesOf = (all: readonly Sample[]): Samples => ({ count: all.length, at: (index) => all[index]! })
