import { identityOf, type ReduceKind } from '../../../../core/ops/reductions/reduce.ts'
import { elementCount, type Shape } from '../../../../core/shape.ts'
import type { Emitter } from '../../emitter.ts'
import type { Edge } from '../../graph.ts'
import { computeType } from '../../kernels.ts'
import { emitBinary } from '../../scalar/binary.ts'
import { throughOrder } from '../ordered.ts'
import type { Rule } from '../rule.ts'

const operators = { add: 'ReduceSum', mul: 'ReduceProd', max: 'ReduceMax', min: 'ReduceMin' } as const

export const reduce: Rule<'reduce'> = (e, node, [x]) => {
  const { kind, axes } = node.attrs
  const { dtype, shape } = node.results[0]!.type
  if (axes.length === 0) return [x!]
  if (elementCount(x!.type.shape) === 0) return [e.full(identityOf(kind, dtype), dtype, shape)]
  return [combined(e, kind, x!, axes, shape)]
}

function combined(e: Emitter, kind: ReduceKind, x: Edge, axes: readonly number[], shape: Shape): Edge {
  const of = (operator: (typeof operators)[keyof typeof operators], y: Edge): Edge => {
    const as = computeType(operator, y.type.dtype)
    const result = e.node(operator, [e.cast(y, as), e.ints(axes)], { dtype: as, shape }, { keepdims: 0 })
    return e.cast(result, y.type.dtype)
  }
  // bool is 0 and 1.
  if (x.type.dtype === 'bool')
    return e.cast(of(kind === 'and' || kind === 'min' ? 'ReduceMin' : 'ReduceMax', e.cast(x, 'u8')), 'bool')
  if (kind === 'and' || kind === 'or') {
    const ones = axes.reduce((y, axis) => halved(e, kind, y, axis), x)
    return e.reshape(ones, shape)
  }
  if (kind === 'add' || kind === 'mul') return of(operators[kind], x)
  return throughOrder(e, x, operators[kind], (y) => of(operators[kind], y))
}

/** What ONNX has no reduction for, half by half; the axis stays with length 1. */
function halved(e: Emitter, kind: ReduceKind, x: Edge, axis: number): Edge {
  let y = x
  for (let length = y.type.shape[axis]!; length > 1; length = y.type.shape[axis]!) {
    const half = length >> 1
    const part = (start: number, count: number): Edge => e.sliceAxis(y, axis, start, count)
    const pairs = emitBinary(e, kind, part(0, half), part(half, half))
    y = length % 2 === 0 ? pairs : e.concat([pairs, part(2 * half, 1)], axis)
  }
  return y
}
