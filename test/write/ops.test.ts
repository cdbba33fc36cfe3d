import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import type { DType } from '../../compiler/core/dtype.ts'
import { binary, unary } from '../../compiler/core/expr.ts'
import { createNode, type Value } from '../../compiler/core/graph.ts'
import type { ConvolutionAttrs } from '../../compiler/core/ops/convolution.ts'
import type { ReduceKind } from '../../compiler/core/ops/reduce.ts'
import { trivialWindow, type WindowAxis } from '../../compiler/core/ops/window.ts'
import { regionArgument } from '../../compiler/core/region.ts'
import { tensorOf, type Tensor } from '../../compiler/core/tensor.ts'
import { smallTensor } from '../fuzz/value-pool.ts'
import { Random } from '../support/random.ts'
import { graphOf, inputOf } from '../support/run-graph.ts'
import { expectWritten } from './judge.ts'

const b = new Builder(undefined)
const integers = ['i8', 'u8', 'i16', 'u16', 'i32', 'u32', 'i64', 'u64'] as const
const types = ['f32', 'f64', 'bool', ...integers] as const

/** Expects of `make`'s results what the evaluator gives; its operands are inputs, and once more constants where those are weights. */
async function expectOp(
  operands: readonly (readonly [DType, readonly number[]] | Tensor)[],
  make: (...values: Value[]) => Value | readonly Value[],
  seed = 1,
): Promise<Uint8Array> {
  const random = new Random(seed)
  const tensors = operands.map((o) => ('data' in o ? o : smallTensor(random, o[0], o[1])))
  const inputs = tensors.map((t, i) => inputOf(`x${i}`, t.dtype, t.shape))
  const given = Object.fromEntries(tensors.map((t, i) => [`x${i}`, t]))
  return expectWritten(graphOf(inputs, [make(...inputs)].flat()), given)
}

const kinds = (dtype: DType): ReduceKind[] =>
  dtype === 'bool'
    ? ['and', 'or', 'max', 'min']
    : dtype.startsWith('f')
      ? ['add', 'mul', 'max', 'min']
      : ['add', 'mul', 'max', 'min', 'and', 'or']

const window = (size: number, rest: Partial<WindowAxis> = {}): WindowAxis => ({ ...trivialWindow, size, ...rest })
const one = trivialWindow

describe('core ops as ONNX', () => {
  it('constants and inputs that are outputs', async () => {
    await expectOp([['f32', [2, 3]]], (x) => [x, x, b.constant(tensorOf('i32', [2], [4, 5]))])
  })

  it.each(types)('reductions of %s', async (dtype) => {
    await expectOp([[dtype, [3, 4, 5]]], (x) =>
      kinds(dtype).flatMap((kind) => [[1], [0, 2], [0, 1, 2]].map((axes) => b.reduce(kind, x, axes))),
    )
  })

  it.each(types)('reductions of no elements of %s', async (dtype) => {
    const empty = tensorOf(dtype, [2, 0], [])
    await expectOp([empty], (x) => kinds(dtype).map((kind) => b.reduce(kind, x, [1])))
  })

  it.each(types)('argreduce of %s', async (dtype) => {
    await expectOp([[dtype, [3, 7]]], (x) =>
      (['max', 'min'] as const).flatMap((kind) => [true, false].map((last) => b.argreduce(x, { kind, axis: 1, last }))),
    )
  })

  it.each(types)('running reductions of %s', async (dtype) => {
    await expectOp([[dtype, [2, 6, 2]]], (x) =>
      kinds(dtype).flatMap((kind) =>
        [true, false].flatMap((exclusive) =>
          [true, false].map((reverse) => b.cumulate(x, { kind, axis: 1, exclusive, reverse })),
        ),
      ),
    )
  })

  it.each(types)('windows over %s', async (dtype) => {
    const windows = [
      [one, one, window(2, { stride: 2 }), window(3, { low: 1, high: 1 })],
      [one, one, one, window(3, { low: 2, high: 3 })],
      [window(2), one, window(2, { dilation: 2, low: 1 }), one],
      [one, window(2), window(2), window(2, { stride: 3 })],
      [window(2), window(2), window(2), window(2)],
      [one, one, window(2, { baseDilation: 2 }), window(1, { stride: 2 })],
    ]
    await expectOp([[dtype, [2, 3, 5, 4]]], (x) =>
      kinds(dtype).flatMap((kind) => windows.map((w) => b.reduceWindow(kind, x, w))),
    )
  })

  it('windows over vectors, and over images of another order', async () => {
    await expectOp(
      [
        ['f32', [9]],
        ['f32', [1, 6, 5, 2]],
      ],
      (x, y) => [
        b.reduceWindow('max', x, [window(3, { stride: 2 })]),
        b.reduceWindow('add', x, [window(3, { stride: 2 })]),
        b.reduceWindow('max', y, [one, window(2), window(3), one]),
        b.reduceWindow('add', y, [one, window(2), window(3), one]),
      ],
    )
  })

  it.each(types)('views of %s', async (dtype) => {
    await expectOp(
      [
        [dtype, [2, 3, 4]],
        [dtype, []],
        [dtype, [3, 1]],
      ],
      (x, value, thin) => [
        b.reshape(x, [4, 6]),
        b.transpose(x, [2, 0, 1]),
        b.transpose(b.transpose(x, [2, 0, 1]), [1, 2, 0]),
        b.broadcast(thin, [2, 3, 4]),
        b.broadcastInDim(thin, [3, 5, 1, 2], [0, 2]),
        b.slice(x, [1, 0, 3], [1, 2, 2], [1, 2, -2]),
        b.slice(x, [1, 2, 3], [2, 3, 4], [-1, -1, -1]),
        b.pad(x, value, [1, 0, 2], [0, 3, 0]),
        b.concatenate([x, x, b.sliceAxis(x, 1, 1, 1)], 1),
        b.pad(
          b.broadcast(b.iota(dtype === 'bool' ? 'i32' : dtype, [2, 3], 1), [4, 2, 3]),
          b.scalar(dtype === 'i64' || dtype === 'u64' ? 1n : 1, dtype === 'bool' ? 'i32' : dtype),
          [0, 0, 0],
          [0, 0, 1],
        ),
      ],
    )
  })

  it.each(['f32', 'f64', ...integers] as const)('products of %s', async (dtype) => {
    const dot = (lhsBatch: number[], rhsBatch: number[], lhsContract: number[], rhsContract: number[]) => ({
      ...{ lhsBatch, rhsBatch, lhsContract, rhsContract },
    })
    await expectOp(
      [
        [dtype, [3, 2, 4]],
        [dtype, [4, 2, 3]],
        [dtype, [4]],
      ],
      (x, y, v) => [
        b.dotGeneral(x, y, dot([], [], [2], [0])),
        b.dotGeneral(x, y, dot([0], [2], [2], [0])),
        b.dotGeneral(x, y, dot([1, 0], [1, 2], [2], [0])),
        b.dotGeneral(x, y, dot([], [], [2, 0], [0, 2])),
        b.dotGeneral(x, v, dot([], [], [2], [0])),
        b.dotGeneral(v, y, dot([], [], [0], [0])),
        b.dotGeneral(v, v, dot([], [], [0], [0])),
        b.dotGeneral(v, v, dot([], [], [], [])),
      ],
    )
  })

  it.each([
    ['i8', 'u8'],
    ['u8', 'i8'],
    ['u8', 'u16'],
  ] as const)('products of %s and %s', async (left, right) => {
    await expectOp(
      [
        [left, [3, 4]],
        [right, [4, 5]],
      ],
      (x, y) => b.dotGeneral(x, y, { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] }),
    )
  })

  const layouts: readonly (readonly [string, Pick<ConvolutionAttrs, 'lhs' | 'rhs' | 'out'>, number[], number[]])[] = [
    ['NCHW', layout([0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3]), [2, 4, 5, 6], [6, 2, 3, 2]],
    ['NHWC', layout([0, 3, 1, 2], [3, 2, 0, 1], [0, 3, 1, 2]), [2, 5, 6, 4], [3, 2, 2, 6]],
    ['CHWN to HNWC', layout([3, 0, 1, 2], [1, 0, 2, 3], [1, 3, 0, 2]), [4, 5, 6, 2], [2, 6, 3, 2]],
  ]

  it.each(layouts)('convolutions, %s', async (_, axes, image, kernel) => {
    const spatial = [window(3, { stride: 2, low: 1, high: 2 }), window(2, { dilation: 2, low: 0, high: 1 })]
    const attrs = { ...axes, window: spatial, groups: 2 }
    const w = smallTensor(new Random(5), 'f32', kernel)
    await expectOp(
      [
        ['f32', image],
        ['f32', kernel],
      ],
      (x, kernelInput) => [
        b.convolution(x, b.constant(w), attrs),
        b.convolution(x, kernelInput, attrs),
        b.map([b.convolution(x, b.constant(w), attrs)], (y) => unary('abs', y!)),
      ],
    )
  })

  it.each(['f32', 'f64', ...integers] as const)('convolutions of %s', async (dtype) => {
    const attrs = { ...layout([0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3]), groups: 2 }
    const spatial = [window(3, { stride: 2, low: 1, high: 2 }), window(2, { dilation: 2, low: 0, high: 1 })]
    const cut = [window(3, { low: -1, high: 2 }), window(2, { low: 1, high: -1 })]
    const apart = [window(3, { baseDilation: 2, low: 2, high: 1 }), window(2, { baseDilation: 3, low: 1, high: 0 })]
    await expectOp(
      [
        [dtype, [2, 4, 5, 6]],
        [dtype, [6, 2, 3, 2]],
      ],
      (x, w) => [
        b.convolution(x, w, { ...attrs, window: spatial }),
        b.convolution(x, w, { ...attrs, window: spatial, padValue: 3 }),
        b.convolution(x, w, { ...attrs, window: cut }),
        b.convolution(x, w, { ...attrs, window: apart }),
      ],
    )
  })

  it.each([
    ['i8', 'u8'],
    ['u8', 'i8'],
  ] as const)('convolutions of %s by %s', async (left, right) => {
    const attrs = { ...layout([0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3]), groups: 1 }
    await expectOp(
      [
        [left, [1, 4, 5, 6]],
        [right, [3, 4, 3, 2]],
      ],
      (x, w) => b.convolution(x, w, { ...attrs, window: [window(3, { low: 1 }), window(2)], padValue: 2 }),
    )
  })

  it('convolutions along no axis, one and three', async () => {
    const of = (spatial: number): ConvolutionAttrs => {
      const axes = Array.from({ length: spatial + 2 }, (_, i) => i)
      return { ...layout(axes, axes, axes), groups: 1, window: axes.slice(2).map(() => window(2, { low: 1 })) }
    }
    await expectOp(
      [
        ['f32', [2, 3]],
        ['f32', [4, 3]],
      ],
      (x, w) => b.convolution(x, w, of(0)),
    )
    await expectOp(
      [
        ['f32', [2, 3, 5]],
        ['f32', [4, 3, 2]],
      ],
      (x, w) => b.convolution(x, w, of(1)),
    )
    await expectOp(
      [
        ['f32', [2, 3, 5, 4, 3]],
        ['f32', [4, 3, 2, 2, 2]],
      ],
      (x, w) => b.convolution(x, w, of(3)),
    )
  })

  it.each(types)('sorts of %s', async (dtype) => {
    await expectOp([[dtype, [3, 7, 2]]], (x) => [...b.sort(x, 1, true), ...b.sort(x, 1, false)])
  })
})

function layout(lhs: number[], rhs: number[], out: number[]): Pick<ConvolutionAttrs, 'lhs' | 'rhs' | 'out'> {
  const activation = ([batch, feature, ...spatial]: number[]) => ({ batch: batch!, feature: feature!, spatial })
  const [output, input, ...spatial] = rhs
  return { lhs: activation(lhs), rhs: { output: output!, input: input!, spatial }, out: activation(out) }
}

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

describe('regions as ONNX', () => {
  const loop =
    (trips: number, conditional: boolean, scan: { axis: number; reverse: boolean }) =>
    (x: Value, xs: Value, limit: Value) => {
      const [state, slice, iteration] = [
        regionArgument('f32', [2, 3]),
        regionArgument('f32', [2, 3]),
        regionArgument('i32', []),
      ]
      const next = b.binary('add', b.binary('add', state, slice), b.convert(iteration, 'f32'))
      const { carried, stacked, count } = b.while({
        trips,
        iteration,
        ...(conditional && {
          condition: {
            initial: b.binary('gt', limit, b.scalar(0, 'i32')),
            next: b.binary('lt', b.binary('add', iteration, b.scalar(1, 'i32')), limit),
          },
        }),
        carried: [
          { initial: x, argument: state, next },
          { initial: x, argument: regionArgument('f32', [2, 3]), next: x },
        ],
        scanInputs: [{ value: xs, argument: slice, ...scan }],
        scanOutputs: [
          { slice: next, ...scan },
          { slice: state, axis: 0, reverse: !scan.reverse },
          { slice: x, axis: 1, reverse: false },
        ],
      })
      return [...carried, ...stacked, count]
    }

  it.each([
    [4, false, 0, false],
    [4, false, 2, true],
    [4, true, 1, false],
    [4, true, 0, true],
    [0, false, 0, false],
    [1, true, 1, true],
  ] as const)(
    'loops of %i iterations (ended by a condition: %s) over axis %i, reversed: %s',
    async (trips, conditional, axis, reverse) => {
      const xs = [2, 3].toSpliced(axis, 0, trips)
      for (const limit of conditional ? [0, 1, 3, 9] : [0])
        await expectOp(
          [['f32', [2, 3]], ['f32', xs], tensorOf('i32', [], [limit])],
          loop(trips, conditional, { axis, reverse }),
        )
    },
  )

  it('loops that a condition alone ends', async () => {
    await expectOp([['i32', [3]], tensorOf('i32', [], [7])], (x, limit) => {
      const [state, iteration] = [regionArgument('i32', [3]), regionArgument('i32', [])]
      const { carried, count } = b.while({
        trips: 2 ** 31 - 1,
        iteration,
        condition: { initial: b.scalar(1, 'bool'), next: b.binary('lt', iteration, limit) },
        carried: [{ initial: x, argument: state, next: b.binary('add', state, x) }],
        scanInputs: [],
        scanOutputs: [],
      })
      return [...carried, count]
    })
  })

  it.each([0, 1])('branches where the condition is %i', async (holds) => {
    await expectOp([tensorOf('bool', [], [holds]), ['f32', [2]], ['f32', [2]]], (c, x, y) => {
      const [sum, product] = [b.binary('add', x, y), b.binary('mul', x, y)]
      const outside = new Set([x, y])
      return [...b.if(c, [sum, x, x, product], [y, y, product, product], (v) => outside.has(v))]
    })
  })

  it('loops within branches within loops', async () => {
    await expectOp([tensorOf('bool', [], [1]), ['f32', [2]]], (c, x) => {
      const [outer, inner, i, j] = [
        regionArgument('f32', [2]),
        regionArgument('f32', [2]),
        regionArgument('i32', []),
        regionArgument('i32', []),
      ]
      const within = b.while({
        trips: 2,
        iteration: j,
        carried: [{ initial: outer, argument: inner, next: b.binary('add', inner, x) }],
        scanInputs: [],
        scanOutputs: [],
      })
      const outside = new Set([x, outer])
      const [chosen] = b.if(c, within.carried, [b.binary('sub', outer, x)], (v) => outside.has(v))
      const { carried } = b.while({
        trips: 3,
        iteration: i,
        carried: [{ initial: x, argument: outer, next: chosen! }],
        scanInputs: [],
        scanOutputs: [],
      })
      return carried
    })
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

it('writes maps of several operands that broadcast', async () => {
  await expectOp(
    [
      ['f32', [2, 1]],
      ['f32', [3]],
    ],
    (x, y) => b.map([x, y], (p, q) => binary('sub', binary('mul', p!, q!), p!)),
  )
  expect(createNode).toBeDefined()
})
