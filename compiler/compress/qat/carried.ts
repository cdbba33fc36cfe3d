import type { Value } from '../../core/graph.ts'

/** Integers up to this magnitude are f32 numbers, and so are their sums and products up to it. */
export const exactInF32 = 2 ** 24

/** An integer value of a graph as floats: f32, or f64 where `bound`, the largest magnitude, is beyond `exactInF32`. */
export interface Carried {
  readonly value: Value
  readonly bound: number
}
