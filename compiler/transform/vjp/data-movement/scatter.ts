import type { Builder } from '../../../core/builder.ts'
import { fail } from '../../../core/diagnostics/diagnostic.ts'
import { and, ge, le } from '../../../core/scalar/formula.ts'
import type { NodeOf, Value } from '../../../core/graph.ts'
import { elementCount } from '../../../core/shape.ts'
import { alongVectors } from './gather.ts'
import type { Vjp } from '../rule.ts'
import { isEmpty } from '../spread.ts'

type Scatter = NodeOf<'scatter'>

/** What stands in `x` at the place of each update. Updates that were left out read anything. */
function atPlaces(b: Builder, { operands, attrs: a }: Scatter, x: Value): Value {
  const [, indices, updates] = operands
  const windowAxes = windowAxesOf(x.type.shape.length, a)
  return b.gather(x, indices!, {
    offsetDims: a.updateWindowDims,
    collapsedSliceDims: a.insertedWindowDims,
    operandBatchingDims: a.inputBatchingDims,
    startIndicesBatchingDims: a.scatterIndicesBatchingDims,
    startIndexMap: a.scatterDimsToOperandDims,
    indexVectorDim: a.indexVectorDim,
    sliceSizes: x.type.shape.map((_, axis) => {
      const window = windowAxes.indexOf(axis)
      return window < 0 ? 1 : updates!.type.shape[a.updateWindowDims[window]!]!
    }),
  })
}

const windowAxesOf = (rank: number, a: Scatter['attrs']): number[] =>
  Array.from({ length: rank }, (_, i) => i).filter(
    (i) => !a.insertedWindowDims.includes(i) && !a.inputBatchingDims.includes(i),
  )

/** Whether each update went into the operand, bool of the updates' shape with windows of length 1. */
function isInside(b: Builder, { operands, attrs: a }: Scatter): Value {
  const [x, indices, updates] = operands
  const last = alongVectors(
    b,
    indices!,
    a.indexVectorDim,
    a.scatterDimsToOperandDims.map((axis) => x!.type.shape[axis]! - 1),
  )
  const zero = b.scalar(0, indices!.type.dtype)
  const each = b.map([indices!, last, zero], (index, limit, lowest) => and(ge(index!, lowest!), le(index!, limit!)))
  const all = a.indexVectorDim < each.type.shape.length ? b.reduce('and', each, [a.indexVectorDim]) : each
  return b.reshape(
    all,
    updates!.type.shape.map((d, axis) => (a.updateWindowDims.includes(axis) ? 1 : d)),
  )
}

/** Which update made each element what it is, by its number in row-major order: the last of those that replace, the first of equal extremes. −1: none. */
function decidingUpdates(b: Builder, node: Scatter, numbers: Value): Value {
  const { operands, attrs, results } = node
  const [x, indices, updates] = operands
  const { shape } = x!.type
  if (attrs.kind === 'set') return b.scatter(b.full(-1, 'i32', shape), indices!, numbers, attrs)
  const nobody = b.scalar(2 ** 31 - 1, 'i32')
  const start = b.select(b.binary('eq', x!, results[0]!), b.scalar(-1, 'i32'), nobody)
  const candidates = b.select(b.binary('eq', updates!, atPlaces(b, node, results[0]!)), numbers, nobody)
  return b.scatter(start, indices!, candidates, { ...attrs, kind: 'min' })
}

export const scatter: Vjp<'scatter'> = ({ node, b, dy, varies }) => {
  const { kind, updateWindowDims, scatterDimsToOperandDims } = node.attrs
  const { shape } = node.operands[2]!.type
  // Integers and booleans only.
  if (kind === 'and' || kind === 'or') return []
  if (isEmpty(dy)) return []
  if (isEmpty(node.operands[2]!)) return [dy]
  if (kind === 'mul') fail('A801', 'a scatter that multiplies has no derivative')
  const windowAxes = windowAxesOf(dy.type.shape.length, node.attrs)
  if (updateWindowDims.some((axis, k) => shape[axis]! > 1 && scatterDimsToOperandDims.includes(windowAxes[k]!))) {
    fail('A801', 'a scatter has no derivative where its windows are long along an axis that they move along')
  }
  const zero = b.scalar(0, dy.type.dtype)
  const back = (): Value => b.select(isInside(b, node), atPlaces(b, node, dy), zero)
  if (kind === 'add') return [dy, undefined, varies(2) ? back() : undefined]
  const numbers = b.reshape(b.iota('i32', [elementCount(shape)], 0), shape)
  const deciding = decidingUpdates(b, node, numbers)
  const own = (): Value => b.select(b.binary('eq', atPlaces(b, node, deciding), numbers), back(), zero)
  return [
    varies(0) ? b.select(b.binary('eq', deciding, b.scalar(-1, 'i32')), dy, zero) : undefined,
    undefined,
    varies(2) ? own() : undefined,
  ]
}
