import type { Builder } from '../../core/builder.ts'
import { isStorageOnly, type DType } from '../../core/scalar/dtype.ts'
import type { NodeOf, Value } from '../../core/graph.ts'
import type { OpName } from '../../core/ops/index.ts'

/**
 * A node on the way back. Cotangents have the shape of what they belong to and its dtype, but f32 for the floats that no map
 * computes on (`cotangentType`).
 */
export interface Backward<O extends OpName> {
  readonly node: NodeOf<O>
  /** Makes nodes of the node's origin. */
  readonly b: Builder
  /** Of each result; undefined where it is zero. One at least is not. */
  readonly cotangents: readonly (Value | undefined)[]
  /** The cotangent of result 0, for ops that have no other. */
  readonly dy: Value
  /** Whether the operand depends on what is differentiated by; cotangents of others may be left out. */
  readonly varies: (operand: number) => boolean
  /** The way back through a region of the node. */
  readonly pullBack: PullBack
  /** Whether an operand may hold ±∞ or NaN though the model's inputs are finite. */
  readonly mayBeInfinite: (operand: number) => boolean
}

/** Cotangents of `wrt` from those of `outputs`, undefined where an output's or the result is zero. */
export type PullBack = (
  outputs: readonly Value[],
  cotangents: readonly (Value | undefined)[],
  wrt: readonly Value[],
) => (Value | undefined)[]

/** The rule of an op: cotangents of its operands; undefined, or missing at the end, where they are zero. */
export type Vjp<O extends OpName> = (at: Backward<O>) => readonly (Value | undefined)[]

export const cotangentType = (dtype: DType): DType => (isStorageOnly(dtype) ? 'f32' : dtype)
