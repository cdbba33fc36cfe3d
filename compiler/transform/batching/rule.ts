import type { Builder } from '../../core/builder.ts'
import type { Node, NodeOf, Value } from '../../core/graph.ts'
import type { OpName } from '../../core/ops/index.ts'

/**
 * What a value of the source graph became. `shared`: one value for all samples. `leading`: [size, …shape], as inputs and outputs are.
 * `first`: [size, …shape.slice(1)], where the value's own first axis has length 1 and the samples stand in its place, as in a model
 * that was exported with such a batch. Rules compute in the last form where their op leaves the first axis as it is, so
 * that between two that do no reshape stands.
 */
export interface Operand {
  readonly value: Value
  readonly form: 'shared' | BatchedForm
}

export type BatchedForm = 'leading' | 'first'

/** Which values of a loop differ between samples. */
export interface LoopFlags {
  readonly condition: boolean
  readonly carried: readonly boolean[]
}

/** One node while it is batched. */
export interface Context {
  /** Makes nodes of the same origin. */
  readonly b: Builder
  /** Number of samples. */
  readonly size: number
  /**
   * Samples whose results count, bool[size]; undefined where all do. Loops must not run for the others: in the source graph they
   * were not reached, and may never end.
   */
  readonly mask: Value | undefined
  /** The outputs of a region whose inputs are `inputs`, of which the samples in `mask` count. */
  readonly region: (
    outputs: readonly Value[],
    inputs: ReadonlyMap<Value, Operand>,
    mask: Value | undefined,
  ) => readonly Operand[]
  readonly loopFlags: (node: NodeOf<'while'>, operands: readonly Operand[]) => LoopFlags
}

/** Results of a node of which one operand or more are batched. A850 where there are none. */
export type Rule<O extends OpName> = (c: Context, node: NodeOf<O>, operands: readonly Operand[]) => readonly Operand[]

/** A rule as code that treats all ops alike calls it. */
export type AnyRule = (c: Context, node: Node, operands: readonly Operand[]) => readonly Operand[]
