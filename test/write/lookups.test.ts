import { describe, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import type { DType } from '../../compiler/core/scalar/dtype.ts'
import type { Value } from '../../compiler/core/graph.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { expectOp, integers, kinds, types } from './expect-op.ts'

const b = new Builder(undefined)

describe('lookups as ONNX', () => {
  const beyond = [-5, -1, 0, 1, 2, 3, 9]
  const base = { operandBatchingDims: [], startIndicesBatchingDims: [] }

  it.each(types)('takes of %s', async (dtype) => {
    await expectOp([[dtype, [3, 4]], tensorOf('i32', [7], beyond), tensorOf('i64', [2, 1], [1, -3])], (x, i, j) => [
      b.take(x, i, 0),
      b.take(x, i, 1),
      b.take(x, j, 1),
      b.take(x, b.constant(tensorOf('i64', [2], [2, 7])), 0),
    ])
  })

  it.each(integers)('takes at %s', async (dtype) => {
    const places = dtype.startsWith('u') ? [0, 1, 2, 3, 200] : [-100, -1, 0, 2, 100]
    await expectOp([['f32', [3, 4]], tensorOf(dtype, [5], places)], (x, i) => b.take(x, i, 0))
  })

  it('windows at places of several axes, with batches', async () => {
    const at = tensorOf('i32', [2, 3, 2], [0, 1, 9, -4, 2, 2, 1, 1, 3, 0, -1, 5])
    await expectOp([['f32', [4, 5, 3]], at, ['f32', [2, 4, 5]]], (x, i, y) => [
      // Elements, rows, windows; vectors along another axis; axes that stay or vanish.
      gather(x, i, {
        ...base,
        offsetDims: [2],
        collapsedSliceDims: [0, 1],
        startIndexMap: [0, 1],
        indexVectorDim: 2,
        sliceSizes: [1, 1, 3],
      }),
      gather(x, i, {
        ...base,
        offsetDims: [0, 3, 4],
        collapsedSliceDims: [],
        startIndexMap: [1, 0],
        indexVectorDim: 2,
        sliceSizes: [2, 3, 2],
      }),
      gather(x, i, {
        ...base,
        offsetDims: [1],
        collapsedSliceDims: [0, 2],
        startIndexMap: [2, 0],
        indexVectorDim: 2,
        sliceSizes: [1, 5, 1],
      }),
      gather(x, i, {
        ...base,
        offsetDims: [0, 1, 3],
        collapsedSliceDims: [],
        startIndexMap: [0, 1],
        indexVectorDim: 0,
        sliceSizes: [2, 1, 3],
      }),
      gather(x, i, {
        ...base,
        offsetDims: [2, 3],
        collapsedSliceDims: [1],
        startIndexMap: [0, 2],
        indexVectorDim: 2,
        sliceSizes: [4, 1, 3],
      }),
      gather(y, i, {
        offsetDims: [2],
        collapsedSliceDims: [1],
        operandBatchingDims: [0],
        startIndicesBatchingDims: [0],
        startIndexMap: [1, 2],
        indexVectorDim: 2,
        sliceSizes: [1, 1, 4],
      }),
    ])
  })

  it('batches alone, and starts of one index', async () => {
    await expectOp([['f32', [2, 5]], tensorOf('i32', [2, 0], []), tensorOf('i64', [], [3])], (x, none, i) => [
      gather(x, none, {
        offsetDims: [1],
        collapsedSliceDims: [],
        operandBatchingDims: [0],
        startIndicesBatchingDims: [0],
        startIndexMap: [],
        indexVectorDim: 1,
        sliceSizes: [1, 4],
      }),
      gather(x, none, {
        ...base,
        offsetDims: [1, 2],
        collapsedSliceDims: [],
        startIndexMap: [],
        indexVectorDim: 1,
        sliceSizes: [2, 3],
      }),
      gather(x, i, {
        ...base,
        offsetDims: [0, 1],
        collapsedSliceDims: [],
        startIndexMap: [1],
        indexVectorDim: 0,
        sliceSizes: [2, 2],
      }),
    ])
  })

  function gather(x: Value, i: Value, attrs: Parameters<Builder['gather']>[2]): Value {
    return b.gather(x, i, attrs)
  }

  it.each(types)('scatters of %s', async (dtype) => {
    const set = ['set', ...kinds(dtype)].filter((kind) => dtype === 'bool' || (kind !== 'and' && kind !== 'or'))
    const rows = {
      updateWindowDims: [1],
      insertedWindowDims: [0],
      inputBatchingDims: [],
      scatterIndicesBatchingDims: [],
      scatterDimsToOperandDims: [0],
      indexVectorDim: 1,
    }
    const windows = {
      updateWindowDims: [0, 1],
      insertedWindowDims: [],
      inputBatchingDims: [],
      scatterIndicesBatchingDims: [],
      scatterDimsToOperandDims: [1, 0],
      indexVectorDim: 1,
    }
    const batches = {
      updateWindowDims: [],
      insertedWindowDims: [1],
      inputBatchingDims: [0],
      scatterIndicesBatchingDims: [0],
      scatterDimsToOperandDims: [1],
      indexVectorDim: 2,
    }
    const places = tensorOf('i32', [5], [0, 3, -1, 0, 4])
    const pairs = tensorOf('i64', [3, 2], [0, 1, 3, 2, -1, 3])
    const operands = [
      [dtype, [4, 5]],
      places,
      [dtype, [5, 5]],
      pairs,
      [dtype, [2, 2, 3]],
      tensorOf('i32', [4, 2], [0, 1, 4, 4, 5, 2, 3, -1]),
      [dtype, [4, 2]],
    ] as const
    await expectOp(operands, (x, i, rowUpdates, j, windowUpdates, k, single) =>
      set.flatMap((kind) => [
        b.scatter(x, i, rowUpdates, { ...rows, kind: kind as 'set' }),
        b.scatter(x, j, windowUpdates, { ...windows, kind: kind as 'set' }),
        b.scatter(x, k, single, { ...batches, kind: kind as 'set' }),
      ]),
    )
  })

  it('scatters that cover the operand', async () => {
    const attrs = {
      kind: 'add',
      updateWindowDims: [1, 2],
      insertedWindowDims: [],
      inputBatchingDims: [],
      scatterIndicesBatchingDims: [],
      scatterDimsToOperandDims: [],
      indexVectorDim: 1,
    } as const
    await expectOp([['f32', [2, 3]], tensorOf('i32', [4, 0], []), ['f32', [4, 2, 3]]], (x, i, u) =>
      b.scatter(x, i, u, attrs),
    )
  })
})

describe('decision trees as ONNX', () => {
  it('are a TreeEnsembleRegressor', async () => {
    const table = (dtype: DType, shape: readonly number[], values: readonly number[]): Value =>
      b.constant(tensorOf(dtype, shape, values))
    const x = tensorOf('f32', [5, 2], [0, 0, 1, -1, 0.5, 2, NaN, 3, 2, NaN])
    await expectOp([x], (rows) =>
      b.decisionTrees(rows, {
        thresholds: table('f32', [3], [0.5, 1, -0.5]),
        features: table('i32', [3], [0, 1, 1]),
        next: table('i32', [3, 2], [1, -1, -2, -3, -4, 1]),
        missing: table('u8', [3], [1, 0, 0]),
        roots: table('i32', [3], [0, 2, -6]),
      }),
    )
  })
})
