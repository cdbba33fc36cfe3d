import { describe, expect, it } from 'vitest'
import { arg, binary, unary } from '../../compiler/core/scalar/expr.ts'
import { createNode, nodesOf } from '../../compiler/core/graph.ts'
import { ops, type AttrsOf, type OpName } from '../../compiler/core/ops/index.ts'
import { trivialWindow as one } from '../../compiler/core/ops/window.ts'
import type { Shape } from '../../compiler/core/shape.ts'
import { tensorOf, toNumbers, type Tensor, type TensorType } from '../../compiler/core/tensor.ts'
import { batch } from '../../compiler/transform/batch.ts'
import { Random } from '../support/random.ts'
import { graphOf, inputOf, randomTensor } from '../support/run-graph.ts'
import { drawSamples, expectEachSample } from './samples.ts'

const random = new Random(11)
const f32 = (...shape: number[]): TensorType => ({ dtype: 'f32', shape })
const i32 = (...shape: number[]): TensorType => ({ dtype: 'i32', shape })

interface Case {
  readonly op: OpName
  readonly operands: readonly TensorType[]
  readonly attrs: unknown
  /** Operands that samples cannot have their own of, with their values. */
  readonly given?: Readonly<Record<number, Tensor>>
}

const of = <O extends OpName>(op: O, operands: readonly TensorType[], attrs: AttrsOf<O>): Case => ({
  op,
  operands,
  attrs,
})
const sum = binary('add', binary('mul', arg(0, 'f32'), arg(1, 'f32')), unary('abs', arg(1, 'f32')))
const nchw = { batch: 0, feature: 1, spatial: [2, 3] }
const conv = { lhs: nchw, rhs: { output: 0, input: 1, spatial: [2, 3] }, out: nchw }
const turned = {
  lhs: { spatial: [0, 1], batch: 2, feature: 3 },
  rhs: { spatial: [0, 2], input: 1, output: 3 },
  out: { feature: 0, batch: 1, spatial: [2, 3] },
}
const take = {
  ...{ collapsedSliceDims: [1], operandBatchingDims: [], startIndicesBatchingDims: [] },
  ...{ startIndexMap: [1], indexVectorDim: 1 },
}
const put = { inputBatchingDims: [], scatterIndicesBatchingDims: [], indexVectorDim: 1 }
const dot = (lhs: Shape, rhs: Shape, lists: readonly (readonly number[])[]): Case => {
  const [lhsBatch, rhsBatch, lhsContract, rhsContract] = lists as [number[], number[], number[], number[]]
  return of('dot_general', [f32(...lhs), f32(...rhs)], { lhsBatch, rhsBatch, lhsContract, rhsContract })
}

const ints = (values: number[], shape = [values.length]): Tensor => tensorOf('i32', shape, values)
/** Two stumps: feature 0 against 0, feature 1 against 1. */
const stumps = [
  tensorOf('f32', [2], [0, 1]),
  ints([0, 1]),
  ints([-1, -2, -3, -4], [2, 2]),
  tensorOf('u8', [2], [0, 0]),
  ints([0, 1]),
]

const cases: readonly Case[] = [
  of('map', [f32(2, 3, 4), f32(3, 1)], { expr: sum }),
  of('map', [f32(1, 4), f32(3, 1)], { expr: sum }),
  of('map', [f32(1, 3, 4), f32(1, 1, 4)], { expr: sum }),
  of('map', [f32(1, 3, 4), f32(4)], { expr: sum }),
  of('map', [f32(), f32(1, 2)], { expr: sum }),
  of('map', [f32(), f32()], { expr: sum }),
  of('reduce', [f32(2, 3, 4)], { kind: 'add', axes: [0, 2] }),
  of('reduce', [f32(1, 3, 4)], { kind: 'max', axes: [2] }),
  of('reduce', [f32(1, 3)], { kind: 'add', axes: [0] }),
  of('reduce', [f32(3, 0)], { kind: 'add', axes: [1] }),
  of('argreduce', [f32(3, 4, 2)], { kind: 'max', axis: 0, last: false }),
  of('argreduce', [f32(1, 4)], { kind: 'min', axis: 1, last: true }),
  of('cumulate', [f32(3, 4)], { kind: 'add', axis: 0, exclusive: true, reverse: false }),
  of('cumulate', [f32(1, 4)], { kind: 'add', axis: 1, exclusive: false, reverse: true }),
  of('reduce_window', [f32(2, 5, 3)], { kind: 'add', window: [one, { ...one, size: 2, stride: 2, low: 1 }, one] }),
  of('reduce_window', [f32(1, 5)], { kind: 'max', window: [one, { ...one, size: 3, dilation: 2, high: 1 }] }),
  of('reduce_window', [f32(1, 5)], { kind: 'max', window: [{ ...one, high: 1 }, one] }),
  of('reshape', [f32(1, 3, 4)], { shape: [2, 6] }),
  of('reshape', [f32()], { shape: [1, 1] }),
  of('transpose', [f32(2, 3, 4)], { perm: [2, 0, 1] }),
  of('transpose', [f32(1, 3, 4)], { perm: [0, 2, 1] }),
  of('broadcast_in_dim', [f32(2, 1, 4)], { shape: [2, 3, 5, 4], dims: [0, 1, 3] }),
  of('broadcast_in_dim', [f32(1, 4)], { shape: [1, 3, 4], dims: [0, 2] }),
  of('broadcast_in_dim', [f32(1, 4)], { shape: [2, 3, 4], dims: [0, 2] }),
  of('broadcast_in_dim', [f32()], { shape: [1, 3], dims: [] }),
  of('slice', [f32(4, 5, 3)], { start: [0, 1, 2], shape: [4, 2, 3], strides: [1, 2, -1] }),
  of('slice', [f32(1, 5)], { start: [0, 4], shape: [1, 2], strides: [-1, -2] }),
  of('slice', [f32(4, 5)], { start: [2, 0], shape: [1, 5], strides: [1, 1] }),
  of('pad', [f32(2, 3), f32()], { low: [1, 0], high: [0, 2] }),
  of('pad', [f32(1, 3), f32()], { low: [0, 1], high: [0, 2] }),
  of('pad', [i32(1, 3), i32()], { low: [1, 1], high: [0, 0] }),
  of('concatenate', [f32(2, 3), f32(2, 1), f32(2, 2)], { axis: 1 }),
  of('concatenate', [f32(1, 3), f32(1, 2)], { axis: 1 }),
  of('concatenate', [f32(1, 3), f32(2, 3)], { axis: 0 }),
  of('gather', [f32(3, 4, 2), i32(3)], { ...take, offsetDims: [0, 2], sliceSizes: [3, 1, 2] }),
  of('gather', [f32(1, 4, 2), i32(3)], { ...take, offsetDims: [0, 2], sliceSizes: [1, 1, 2] }),
  of('gather', [f32(3, 4, 2), i32(3)], { ...take, offsetDims: [0, 2], sliceSizes: [2, 1, 2] }),
  of('gather', [f32(5, 2), i32(1, 3)], {
    ...{ ...take, collapsedSliceDims: [0], startIndexMap: [0], indexVectorDim: 2 },
    ...{ offsetDims: [2], sliceSizes: [1, 2] },
  }),
  of('gather', [f32(3, 5), i32(1, 3, 2)], {
    ...{ ...take, collapsedSliceDims: [0], startIndexMap: [1, 0], indexVectorDim: 2 },
    ...{ offsetDims: [2], sliceSizes: [1, 3] },
  }),
  of('gather', [f32(1, 5), i32()], { ...take, indexVectorDim: 0, offsetDims: [0], sliceSizes: [1, 1] }),
  of('gather', [f32(3, 4), i32(3, 2, 1)], {
    ...{ offsetDims: [], collapsedSliceDims: [1], operandBatchingDims: [0], startIndicesBatchingDims: [0] },
    ...{ startIndexMap: [1], indexVectorDim: 2, sliceSizes: [1, 1] },
  }),
  of('gather', [f32(1, 4), i32(1, 2, 1)], {
    ...{ offsetDims: [], collapsedSliceDims: [1], operandBatchingDims: [0], startIndicesBatchingDims: [0] },
    ...{ startIndexMap: [1], indexVectorDim: 2, sliceSizes: [1, 1] },
  }),
  of('scatter', [f32(4, 3), i32(2, 1), f32(2, 3)], {
    ...{ ...put, kind: 'add', updateWindowDims: [1], insertedWindowDims: [0], scatterDimsToOperandDims: [0] },
  }),
  of('scatter', [f32(4), i32(5, 1), f32(5)], {
    ...{ ...put, kind: 'set', updateWindowDims: [], insertedWindowDims: [0], scatterDimsToOperandDims: [0] },
  }),
  of('scatter', [f32(3, 4), i32(3, 2, 1), f32(3, 2)], {
    ...{ kind: 'add', updateWindowDims: [], insertedWindowDims: [1], inputBatchingDims: [0] },
    ...{ scatterIndicesBatchingDims: [0], scatterDimsToOperandDims: [1], indexVectorDim: 2 },
  }),
  dot([3, 4], [4, 5], [[], [], [1], [0]]),
  dot([1, 4], [4, 5], [[], [], [1], [0]]),
  dot([5, 4], [3, 4], [[], [], [1], [1]]),
  dot([4], [4], [[], [], [0], [0]]),
  dot([4], [4, 2], [[], [], [0], [0]]),
  dot([2, 1, 4], [4, 5], [[], [], [2], [0]]),
  dot([1, 3, 4], [1, 4, 5], [[0], [0], [2], [1]]),
  dot([1, 2, 3, 4], [1, 2, 4, 5], [[0, 1], [0, 1], [3], [2]]),
  dot([2, 3, 4], [2, 4, 5], [[0], [0], [2], [1]]),
  dot([3, 2, 4, 2], [2, 4, 5, 3], [[1], [0], [2, 0], [1, 3]]),
  of('convolution', [f32(2, 4, 5, 3), f32(6, 4, 3, 1)], {
    ...{ ...conv, window: [{ ...one, size: 3, low: 1 }, one], groups: 1 },
  }),
  of('convolution', [f32(1, 4, 4, 3), f32(6, 2, 1, 1)], { ...conv, window: [one, { ...one, stride: 2 }], groups: 2 }),
  of('convolution', [f32(1, 3, 4, 3), f32(3, 1, 2, 1)], {
    ...{ ...conv, window: [{ ...one, size: 2 }, one], groups: 3, padValue: 0 },
  }),
  of('convolution', [f32(3, 4, 2, 4), f32(1, 4, 2, 3)], {
    ...{ ...turned, window: [one, { ...one, size: 2, high: 1 }], groups: 1, padValue: 2 },
  }),
  of('convolution', [f32(3, 4, 1, 4), f32(1, 2, 2, 6)], {
    ...{ ...turned, window: [one, { ...one, size: 2, high: 1, baseDilation: 2 }], groups: 2 },
  }),
  of('sort', [f32(3, 4, 2)], { axis: 0, descending: false }),
  of('sort', [f32(1, 4)], { axis: 1, descending: true }),
  {
    ...of('decision_trees', [f32(4, 2), ...stumps], {}),
    given: Object.fromEntries(stumps.map((table, i) => [i + 1, table])),
  },
]

const each = cases.map((c, i) => [i, c.op, c] as const)

/** All sets of some of the operands. */
const subsets = (names: readonly string[]): Set<string>[] =>
  Array.from(
    { length: 2 ** names.length - 1 },
    (_, i) => new Set(names.filter((__, k) => Math.floor((i + 1) / 2 ** k) % 2 === 1)),
  )

describe('a batch of samples', () => {
  it.each(each)('%i: %s: gives what each sample gives, whichever operands are batched', (_, _op, c) => {
    const operands = c.operands.map(({ dtype, shape }, i) => inputOf(`x${i}`, dtype, shape))
    const graph = graphOf(operands, createNode<OpName>(c.op, operands, c.attrs as never, undefined).results)
    const own = operands.flatMap((_value, i) => (c.given && i in c.given ? [] : [`x${i}`]))
    for (const batched of subsets(own)) {
      const samples = drawSamples(graph, 3, batched, ({ dtype, shape }, name) => {
        const given = c.given?.[Number(name.slice(1))]
        if (given) return given
        // Places among them, of which some lie outside.
        const t = randomTensor(random, dtype, shape)
        return dtype === 'i32'
          ? tensorOf(
              dtype,
              shape,
              toNumbers(t).map((v) => v - 2),
            )
          : t
      })
      expectEachSample(graph, samples, batched)
    }
  })

  it('is tried for every op that has operands', () => {
    const without = ['input', 'constant', 'iota', 'while', 'if']
    expect(Object.keys(ops).filter((op) => !without.includes(op) && !cases.some((c) => c.op === op))).toEqual([])
  })

  it('is rows of one product where only one operand is batched, and images of one convolution', () => {
    const shapesOf = (c: Case, own: string) => {
      const operands = c.operands.map(({ dtype, shape }, i) => inputOf(`x${i}`, dtype, shape))
      const graph = graphOf(operands, createNode<OpName>(c.op, operands, c.attrs as never, undefined).results)
      const found = nodesOf(batch(graph, 3, new Set([own])).graph).filter((n) => n.op === c.op)
      return found.map((n) => n.operands.map((o) => o.type.shape))
    }
    expect(shapesOf(dot([2, 4], [4, 5], [[], [], [1], [0]]), 'x0')).toEqual([
      [
        [3, 2, 4],
        [4, 5],
      ],
    ])
    expect(shapesOf(dot([1, 4], [4, 5], [[], [], [1], [0]]), 'x0')).toEqual([
      [
        [3, 4],
        [4, 5],
      ],
    ])
    expect(shapesOf(dot([1, 2, 4], [1, 4, 5], [[0], [0], [2], [1]]), 'x0')).toEqual([
      [
        [3, 2, 4],
        [4, 5],
      ],
    ])
    expect(shapesOf(dot([5, 4], [4, 2], [[], [], [1], [0]]), 'x1')).toEqual([
      [
        [3, 4, 2],
        [5, 4],
      ],
    ])
    const images = { ...conv, window: [one, one], groups: 1 }
    const pictures = of('convolution', [f32(1, 4, 5, 3), f32(6, 4, 1, 1)], images)
    expect(shapesOf(pictures, 'x0')).toEqual([
      [
        [3, 4, 5, 3],
        [6, 4, 1, 1],
      ],
    ])
    expect(shapesOf({ ...pictures, operands: [f32(2, 4, 5, 3), f32(6, 4, 1, 1)] }, 'x0')).toEqual([
      [
        [6, 4, 5, 3],
        [6, 4, 1, 1],
      ],
    ])
    expect(shapesOf(pictures, 'x1')).toEqual([
      [
        [1, 4, 5, 3],
        [18, 4, 1, 1],
      ],
    ])
  })
})
