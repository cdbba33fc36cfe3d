import type { Builder } from '../../core/builder.ts'
import { arg, type Expr } from '../../core/scalar/expr.ts'
import * as f from '../../core/scalar/formula.ts'
import type { Value } from '../../core/graph.ts'
import { compileExpr } from '../../core/scalar/scalar.ts'

/** What is known before a step, on the host. */
export interface StepMoment {
  /** The step's number, from 1 on. */
  readonly step: number
  readonly learningRate: number
}

/** Scalars by name from the step's number and the learning rate. */
export type ScalarFormulas = (step: Expr, learningRate: Expr) => Readonly<Record<string, Expr>>

/**
 * A rule that changes a parameter by its gradient, as pure functions: slots are tensors of the parameter's shape that it keeps
 * from step to step, zero at first; scalars are numbers that are the same for all parameters.
 */
export interface Optimizer {
  readonly slots: readonly string[]
  readonly formulas: ScalarFormulas
  /** The same, computed in f64 before each step. */
  readonly scalars: (moment: StepMoment) => Readonly<Record<string, number>>
  readonly update: (b: Builder, at: UpdateArguments) => { readonly value: Value; readonly slots: readonly Value[] }
}

/** What is kept of `old` and `next`: `next`, unless the step's loss is not finite. */
export type Becoming = (old: Value, next: Value) => Value

export interface UpdateArguments {
  readonly value: Value
  readonly gradient: Value
  readonly slots: readonly Value[]
  /** f32[] for each scalar. */
  readonly scalars: Readonly<Record<string, Value>>
  readonly decays: boolean
  /**
   * Applied to whatever is kept, as soon as it is computed: what is computed from it in turn reads what is kept, so that nothing has to stay
   * in memory twice.
   */
  readonly becoming: Becoming
}

/** What formulas give on the host. */
export function computed(formulas: ScalarFormulas): Optimizer['scalars'] {
  const all = Object.entries(formulas(arg(0, 'f64'), arg(1, 'f64'))).map(([name, e]) => [name, compileExpr(e)] as const)
  return ({ step, learningRate }) =>
    Object.fromEntries(all.map(([name, value]) => [name, Number(value([step, learningRate]))]))
}

/** `x`, or 0 where it is next to nothing: running means that decay would end as denormals, with which processors compute slowly. */
export const flushed = (x: Expr): Expr => f.select(f.lt(f.abs(x), 1e-30), 0, x)
