import { fail } from '../../../core/diagnostics/diagnostic.ts'
import type { ScatterAttrs } from '../../../core/ops/data-movement/scatter.ts'
import type { OpContext, Operator } from '../../context.ts'
import { sameShape } from '../../../core/shape.ts'
import { normalizeAxis, range } from '../../shared/axes.ts'
import { wrapIndexVectors, wrapIndices } from '../../shared/indices.ts'

const kinds: Readonly<Record<string, ScatterAttrs['kind']>> = {
  none: 'set',
  add: 'add',
  mul: 'mul',
  max: 'max',
  min: 'min',
}

function kindOf(c: OpContext): ScatterAttrs['kind'] {
  const reduction = c.string('reduction', 'none')
  return kinds[reduction] ?? c.unsupported(`reduction "${reduction}"`)
}

/** ScatterElements and, under its name before opset 11, Scatter: x[indices[i, j, k], j, k] = updates[i, j, k] for axis 0. */
export const scatterElements: Operator = {
  lower: (c: OpContext) => {
    const { b } = c
    const x = c.input(0)
    const rank = x.type.shape.length
    const axis = normalizeAxis(c, c.int('axis', 0), rank)
    const indices = wrapIndices(c, c.input(1), x.type.shape[axis]!)
    const { dtype, shape } = indices.type
    const updates = c.input(2).type.shape
    const fits = shape.length === rank && shape.every((d, i) => i === axis || d <= x.type.shape[i]!)
    if (!fits || !sameShape(shape, updates))
      fail(
        'A204',
        `updates [${updates.join(',')}] at indices [${shape.join(',')}] of data [${x.type.shape.join(',')}]: updates and indices have one shape, which fits into the data's but for axis ${axis}`,
      )
    // Index vectors that name every axis, since indices and data may differ in length along the others.
    const coordinates = range(0, rank).map((i) => (i === axis ? indices : b.iota(dtype, shape, i)))
    const vectors = b.concatenate(
      coordinates.map((v) => b.reshape(v, [...shape, 1])),
      rank,
    )
    return [
      b.scatter(x, vectors, c.input(2), {
        kind: kindOf(c),
        updateWindowDims: [],
        insertedWindowDims: range(0, rank),
        inputBatchingDims: [],
        scatterIndicesBatchingDims: [],
        scatterDimsToOperandDims: range(0, rank),
        indexVectorDim: rank,
      }),
    ]
  },
}

/** Puts slices at the index vectors along the last axis of the indices. */
export const scatterNd: Operator = {
  lower: (c: OpContext) => {
    const x = c.input(0)
    const { shape } = x.type
    const indexShape = c.input(1).type.shape
    const depth = indexShape.at(-1) ?? 0
    c.check(
      indexShape.length > 0 && depth <= shape.length,
      `indices [${indexShape.join(',')}] do not fit [${shape.join(',')}]`,
    )
    const indexVectorDim = indexShape.length - 1
    const updates = c.input(2).type.shape
    const wanted = [...indexShape.slice(0, -1), ...shape.slice(depth)]
    if (!sameShape(updates, wanted))
      fail(
        'A204',
        `updates are [${updates.join(',')}]; the indices [${indexShape.join(',')}] ask for [${wanted.join(',')}]`,
      )
    return [
      c.b.scatter(x, wrapIndexVectors(c, c.input(1), shape.slice(0, depth)), c.input(2), {
        kind: kindOf(c),
        updateWindowDims: range(indexVectorDim, indexVectorDim + shape.length - depth),
        insertedWindowDims: range(0, depth),
        inputBatchingDims: [],
        scatterIndicesBatchingDims: [],
        scatterDimsToOperandDims: range(0, depth),
        indexVectorDim,
      }),
    ]
  },
}
