import type { Builder } from '../../core/builder.ts'
import type { Expr } from '../../core/expr.ts'
import * as f from '../../core/formula.ts'
import type { Value } from '../../core/graph.ts'

/** What is known before a step, on the host. */
export interface StepMoment {
  /** The step's number, from 1 on. */
  readonly step: number
  readonly learningRate: number
}

/**
 * A rule that changes a parameter by its gradient, as pure functions: slots are tensors of the parameter's shape that it keeps
 * from step to step, zero at first; scalars are numbers that are the same for all parameters.
 */
export interface Optimizer {
  readonly slots: readonly string[]
  /** Computed in f64 before each step. */
  readonly scalars: (moment: StepMoment) => Readonly<Record<string, number>>
  readonly update: (b: Builder, at: UpdateArguments) => { readonly value: Value; readonly slots: readonly Value[] }
}

export interface UpdateArguments {
  readonly value: Value
  readonly gradient: Value
  readonly slots: readonly Value[]
  /** f32[] for each scalar. */
  readonly scalars: Readonly<Record<string, Value>>
  readonly decays: boolean
}

/** `x`, or 0 where it is next to nothing: running means that decay would end as denormals, with which processors compute slowly. */
export const flushed = (x: Expr): Expr => f.select(f.lt(f.abs(x), 1e-30), 0, x)
