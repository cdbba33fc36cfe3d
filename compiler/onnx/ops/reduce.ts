import { isFloat } from '../../core/dtype.ts'
import { convert, type Expr } from '../../core/expr.ts'
import type { Value } from '../../core/graph.ts'
import type { ReduceKind } from '../../core/ops/reduce.ts'
import type { OpContext, Operator } from '../context.ts'
import { normalizeAxes, range } from '../shared/axes.ts'
import * as f from '../../core/formula.ts'

/** Axes to reduce over; none where `noop_with_empty_axes` says so, then only the formulas around the reduction remain. */
function reductionAxes(c: OpContext, inputSince: number): number[] {
  const rank = c.input(0).type.shape.length
  const axes = c.opset >= inputSince ? c.constantInts(1, []) : c.ints('axes', [])
  if (axes.length > 0) return normalizeAxes(c, axes, rank)
  return c.int('noop_with_empty_axes', 0) !== 0 ? [] : range(0, rank)
}

const identity = (x: Expr): Expr => x

/** `after` of the combination of `before` of the elements. Axes are an input from opset `inputSince` on. */
function reduction(kind: ReduceKind, before = identity, after = identity, inputSince = 18): Operator {
  return {
    lower: (c) => {
      const x = c.b.map([c.input(0)], before)
      const reduced = c.b.reduce(kind, x, reductionAxes(c, inputSince), c.int('keepdims', 1) !== 0)
      return [c.b.map([reduced], (e) => convert(after(e), c.input(0).type.dtype))]
    },
  }
}

const inFloat = (x: Expr): Expr => (isFloat(x.dtype) ? x : convert(x, 'f64'))

const reduceMean: Operator = {
  lower: (c) => [c.b.mean(c.input(0), reductionAxes(c, 18), c.int('keepdims', 1) !== 0)],
}

/** Shifted by the maximum, so that nothing overflows; by 0 where that is infinite. */
const reduceLogSumExp: Operator = {
  lower: (c) => {
    const { b } = c
    const axes = reductionAxes(c, 18)
    const x = b.map([c.input(0)], inFloat)
    const most = b.reduce('max', x, axes, true)
    const shift = b.map([most], (m) => f.select(f.lt(f.abs(m), Infinity), m, 0))
    const total = b.reduce(
      'add',
      b.map([x, shift], (a, m) => f.exp(f.sub(a, m))),
      axes,
      true,
    )
    const { dtype } = c.input(0).type
    const result: Value = b.map([total, shift], (t, m) => convert(f.add(f.log(t), m), dtype))
    const kept = c.int('keepdims', 1) !== 0
    return [
      kept
        ? result
        : b.reshape(
            result,
            result.type.shape.filter((_, i) => !axes.includes(i)),
          ),
    ]
  },
}

/** Over no elements the results are the identities: 0, 1, the lowest or the highest value, log 0. */
export const reduceOperators: Readonly<Record<string, Operator>> = {
  ReduceL1: reduction('add', f.abs),
  ReduceL2: reduction('add', f.square, (x) => f.sqrt(inFloat(x))),
  ReduceLogSum: reduction('add', inFloat, f.log),
  ReduceLogSumExp: reduceLogSumExp,
  ReduceMax: reduction('max'),
  ReduceMean: reduceMean,
  ReduceMin: reduction('min'),
  ReduceProd: reduction('mul'),
  ReduceSum: reduction('add', identity, identity, 13),
  ReduceSumSquare: reduction('add', f.square),
}
