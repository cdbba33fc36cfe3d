import { isFloat } from '../../../core/scalar/dtype.ts'
import { convert, type Expr } from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import { identityOf, type ReduceKind } from '../../../core/ops/reductions/reduce.ts'
import type { OpContext, Operator } from '../../context.ts'
import { known, numberOf, productOf } from '../../dims.ts'
import type { Item } from '../../item.ts'
import { normalizeAxes, range } from '../../shared/axes.ts'
import { masked } from '../../shared/mask.ts'
import * as f from '../../../core/scalar/formula.ts'

/** Axes to reduce over; none where `noop_with_empty_axes` says so, then only the formulas around the reduction remain. */
function reductionAxes(c: OpContext, inputSince: number): number[] {
  const rank = c.input(0).type.shape.length
  const axes = c.opset >= inputSince ? c.constantInts(1, []) : c.ints('axes', [])
  if (axes.length > 0) return normalizeAxes(c, axes, rank)
  return c.int('noop_with_empty_axes', 0) !== 0 ? [] : range(0, rank)
}

const identity = (x: Expr): Expr => x

/** What is left of input 0 without `axes`, in its size. */
function reducedTo(c: OpContext, result: Value, axes: readonly number[]): Item {
  const kept = c.int('keepdims', 1) !== 0
  const dims = c.dims(0).flatMap((dim, i) => (!axes.includes(i) ? [dim] : kept ? [known(1)] : []))
  return c.sizedTo(result, dims)
}

/** `after` of the combination of `before` of the elements. Axes are an input from opset `inputSince` on. */
function reduction(kind: ReduceKind, before = identity, after = identity, inputSince = 18): Operator {
  return {
    sized: true,
    lower: (c) => {
      const axes = reductionAxes(c, inputSince)
      const x = c.b.map([c.input(0)], before)
      const own = masked(c, x, c.dims(0), axes, identityOf(kind, x.type.dtype))
      const reduced = c.b.reduce(kind, own, axes, c.int('keepdims', 1) !== 0)
      return [
        reducedTo(
          c,
          c.b.map([reduced], (e) => convert(after(e), c.input(0).type.dtype)),
          axes,
        ),
      ]
    },
  }
}

const inFloat = (x: Expr): Expr => (isFloat(x.dtype) ? x : convert(x, 'f64'))

const reduceMean: Operator = {
  sized: true,
  lower: (c) => {
    const { b } = c
    const axes = reductionAxes(c, 18)
    const dims = c.dims(0)
    const count = productOf(axes.map((axis) => dims[axis]!))
    const kept = c.int('keepdims', 1) !== 0
    if (numberOf(count) !== undefined) return [reducedTo(c, b.mean(c.input(0), axes, kept), axes)]
    const total = b.reduce('add', masked(c, c.input(0), dims, axes, 0), axes, kept)
    return [reducedTo(c, b.binary('div', total, b.convert(c.sized.value(b, count), total.type.dtype)), axes)]
  },
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
