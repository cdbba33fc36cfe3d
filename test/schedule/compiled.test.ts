import { afterAll, describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { dtypes, isStorageOnly, type DType } from '../../compiler/core/scalar/dtype.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import type { Value } from '../../compiler/core/graph.ts'
import { trivialWindow } from '../../compiler/core/ops/window.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { Random } from '../support/random.ts'
import { relaxedEngines } from '../support/engines/relaxed-engines.ts'
import { expectCompiledEqualsEvaluated, graphOf, inputOf, randomTensor, runModule } from '../support/run-graph.ts'

const b = new Builder(undefined)

const engines = await relaxedEngines(false)
afterAll(() => engines.forEach((engine) => engine.close()))

async function check(inputs: Value[], outputs: Value[], seed = 1): Promise<void> {
  await expectCompiledEqualsEvaluated(graphOf(inputs, outputs), new Random(seed), undefined, engines)
}

describe('compiled equals evaluated', () => {
  it.each([[[4]], [[1]], [[7]], [[3, 5]], [[2, 1, 9]], [[]], [[0, 3]], [[17, 2]]])('map over %j', async (shape) => {
    const x = inputOf('x', 'f32', shape)
    const y = inputOf('y', 'f32', shape)
    await check([x, y], [b.binary('add', x, y), b.unary('abs', b.binary('mul', x, y))])
  })

  it.each([
    [[3, 5], [5]],
    [
      [3, 5],
      [3, 1],
    ],
    [
      [2, 3, 4],
      [3, 1],
    ],
    [
      [4, 1],
      [1, 7],
    ],
    [[1], [2, 2]],
  ])('broadcast of %j and %j', async (left, right) => {
    const x = inputOf('x', 'f32', left)
    const y = inputOf('y', 'f32', right)
    await check([x, y], [b.binary('sub', x, y), b.select(b.binary('lt', x, y), x, y)])
  })

  it.each(dtypes.filter((d) => !isStorageOnly(d) && d !== 'bool'))('arithmetic in %s', async (dtype) => {
    const x = inputOf('x', dtype, [13])
    const y = inputOf('y', dtype, [13])
    const one = b.binary('add', y, b.scalar(1, dtype))
    const outputs = (['add', 'sub', 'mul', 'max', 'min'] as const).map((op) => b.binary(op, x, y))
    const ratios = (['div', 'rem'] as const).map((op) => b.binary(op, x, one))
    const comparisons = (['eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const).map((op) => b.binary(op, x, y))
    await check([x, y], [...outputs, ...ratios, ...comparisons, b.unary('neg', x), b.unary('abs', x)])
  })

  it.each(['exp', 'log', 'tanh', 'erf', 'sin', 'sinh'] as const)('%s in a long loop', async (op) => {
    const x = inputOf('x', 'f32', [33, 37])
    const y = b.unary(op, b.unary('abs', x))
    await check([x], [y, b.binary('mul', y, b.unary(op, b.binary('add', y, b.scalar(1, 'f32'))))])
  })

  it.each([32, 35, 48, 67])('long rows of %i, reduced', async (length) => {
    const x = inputOf('x', 'f32', [3, length])
    const kinds = ['add', 'max', 'min', 'mul'] as const
    await check(
      [x],
      kinds.map((kind) => b.reduce(kind, x, [1])),
    )
  })

  it('clamps NaN, infinities and zeros of both signs', async () => {
    const x = inputOf('x', 'f32', [8])
    const bounds = [0, -0, 1.5, -1.5, NaN, Infinity]
    const outputs = bounds.flatMap((bound) => [
      b.binary('max', x, b.scalar(bound, 'f32')),
      b.binary('min', b.scalar(bound, 'f32'), x),
    ])
    const graph = graphOf([x], outputs)
    const inputs = { x: tensorOf('f32', [8], [NaN, -NaN, 0, -0, Infinity, -Infinity, 1e-40, -3]) }
    const expected = evaluate(graph, inputs)
    const { modules, spec } = await compileGraph(graph, { targets: ['simd'] })
    const actual = runModule(modules.simd!, spec, inputs)
    for (const [name, { data }] of Object.entries(expected)) expect([...actual[name]!.data]).toEqual([...data])
  })

  it.each(dtypes)('conversions from %s', async (from) => {
    const x = inputOf('x', from, [9])
    await check(
      [x],
      dtypes.map((to) => b.convert(x, to)).filter((v) => v !== x),
    )
  })

  it.each([
    [[3, 5, 7], [2]],
    [[3, 5, 7], [0]],
    [[3, 5, 7], [1]],
    [
      [3, 5, 7],
      [0, 2],
    ],
    [
      [3, 5, 7],
      [0, 1, 2],
    ],
    [[2, 16], [0]],
    [[2, 16], [1]],
    [[3, 0], [1]],
    [[1, 64], [1]],
    [[4, 1], [1]],
    [[1, 1], [0]],
  ])('reduce %j over %j', async (shape, axes) => {
    const x = inputOf('x', 'f32', shape)
    const shifted = b.binary('add', x, b.scalar(1, 'f32'))
    const sum = b.reduce('add', shifted, axes)
    await check(
      [x],
      [sum, b.reduce('max', x, axes), b.reduce('mul', x, axes), b.unary('neg', b.reduce('min', x, axes))],
    )
  })

  it.each(['i8', 'u8', 'i32', 'i64', 'f64'] as DType[])('reduce %s', async (dtype) => {
    const x = inputOf('x', dtype, [3, 11])
    await check(
      [x],
      [b.reduce('add', x, [1]), b.reduce('add', x, [0]), b.reduce('max', x, [1]), b.reduce('min', x, [0])],
    )
  })

  it('views', async () => {
    const x = inputOf('x', 'f32', [2, 3, 4])
    const t = b.transpose(x, [2, 0, 1])
    const s = b.slice(x, [1, 2, 3], [1, 2, 2], [1, -1, -2])
    await check(
      [x],
      [
        t,
        b.reshape(t, [4, 6]),
        s,
        b.unary('neg', s),
        b.broadcastInDim(b.reshape(s, [4]), [3, 4], [1]),
        b.pad(x, b.scalar(7, 'f32'), [1, 0, 2], [0, 1, 1]),
        b.concatenate([x, b.unary('neg', x), x], 1),
        b.reshape(b.slice(x, [0, 0, 1], [2, 3, 2]), [12]),
      ],
    )
  })

  it('cumulate and argreduce', async () => {
    const x = inputOf('x', 'f32', [3, 5, 2])
    const cumulate = (axis: number, exclusive: boolean, reverse: boolean): Value =>
      b.cumulate(x, { kind: 'add', axis, exclusive, reverse })
    await check(
      [x],
      [
        cumulate(1, false, false),
        cumulate(1, true, true),
        cumulate(2, false, true),
        b.argreduce(x, { kind: 'max', axis: 1, last: false }),
        b.argreduce(x, { kind: 'min', axis: 2, last: true }),
        b.argreduce(x, { kind: 'max', axis: 0, last: true }),
      ],
    )
  })

  it.each(['f32', 'i64', 'u8'] as DType[])('sort %s', async (dtype) => {
    const x = inputOf('x', dtype, [2, 13, 3])
    await check([x], [...b.sort(x, 1, false), ...b.sort(x, 1, true), ...b.sort(x, 2, true)])
  })

  it('gather and scatter', async () => {
    const x = inputOf('x', 'f32', [9, 6])
    const i = inputOf('i', 'i64', [2, 3])
    const taken = b.take(x, i, 0)
    const rows = b.reshape(i, [6, 1])
    const updates = b.reshape(b.binary('mul', b.take(x, b.reshape(i, [6]), 0), b.scalar(2, 'f32')), [6, 6])
    const attrs = {
      updateWindowDims: [1],
      insertedWindowDims: [0],
      inputBatchingDims: [],
      scatterIndicesBatchingDims: [],
      scatterDimsToOperandDims: [0],
      indexVectorDim: 1,
    }
    await check(
      [x, i],
      [
        taken,
        b.unary('neg', b.transpose(taken, [2, 0, 1])),
        b.reduce('add', taken, [0]),
        b.scatter(x, rows, updates, { kind: 'add', ...attrs }),
        b.scatter(x, rows, updates, { kind: 'set', ...attrs }),
      ],
    )
  })

  it.each([
    [1, 16, 10],
    [2, 7, 33],
    [5, 9, 12],
    [4, 8, 8],
    [3, 1, 5],
    [6, 20, 3],
    [8, 4, 1],
    [40, 6, 30],
  ])('dot_general %i × %i × %i', async (m, k, n) => {
    const random = new Random(m)
    const x = inputOf('x', 'f32', [m, k])
    const y = inputOf('y', 'f32', [k, n])
    const w = b.constant(randomTensor(random, 'f32', [n, k]))
    const bias = b.constant(randomTensor(random, 'f32', [n]))
    const dot = (l: Value, r: Value, rc: number): Value =>
      b.dotGeneral(l, r, { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [rc] })
    const biased = b.binary('max', b.binary('add', dot(x, w, 1), bias), b.scalar(0, 'f32'))
    await check([x, y], [dot(x, y, 0), biased, b.unary('tanh', dot(x, y, 0))])
  })

  it.each([
    { c: 5, o: 6, k: 4, stride: 2, pad: 1, groups: 1 },
    { c: 4, o: 8, k: 3, stride: 2, pad: 2, groups: 2 },
    { c: 6, o: 6, k: 5, stride: 3, pad: 0, groups: 6 },
    { c: 3, o: 5, k: 2, stride: 2, pad: 0, groups: 1 },
    { c: 3, o: 4, k: 2, stride: 3, pad: 1, groups: 1 },
    { c: 4, o: 6, k: 3, stride: 2, pad: 1, groups: 2, dilation: 2 },
    { c: 3, o: 4, k: 3, stride: 2, pad: 0, groups: 1, dilation: 3 },
    { c: 3, o: 4, k: 4, stride: 1, pad: 2, groups: 1, dilation: 2 },
  ])('transposed convolution %j', async ({ c, o, k, stride, pad, groups, dilation = 1 }) => {
    const x = inputOf('x', 'f32', [2, 4, 5, c])
    const random = new Random(k)
    const kernel = b.constant(randomTensor(random, 'f32', [o, c / groups, k, k]))
    const low = (k - 1) * dilation - pad
    const axis = { ...trivialWindow, size: k, dilation, low, high: low + 1, baseDilation: stride }
    const axes = { batch: 0, feature: 3, spatial: [1, 2] }
    const rhs = { output: 0, input: 1, spatial: [2, 3] }
    const y = b.convolution(x, kernel, { lhs: axes, rhs, out: axes, window: [axis, { ...axis, high: 0 }], groups })
    const other = b.constant(randomTensor(random, 'f32', y.type.shape))
    const bias = b.constant(randomTensor(random, 'f32', [o]))
    await check([x], [b.binary('max', b.binary('add', b.binary('add', y, bias), other), b.scalar(0, 'f32'))])
  })

  it.each([1, 2, 3])('convolution of a sequence to %i places', async (places) => {
    const x = inputOf('x', 'f32', [2, places + 1, 6])
    const kernel = b.constant(randomTensor(new Random(places), 'f32', [9, 6, 3]))
    const y = b.convolution(x, kernel, {
      lhs: { batch: 0, feature: 2, spatial: [1] },
      rhs: { output: 0, input: 1, spatial: [2] },
      out: { batch: 0, feature: 2, spatial: [1] },
      window: [{ ...trivialWindow, size: 3, low: 1 }],
      groups: 1,
    })
    await check([x], [y, b.binary('max', b.binary('add', y, y), b.scalar(0, 'f32'))])
  })

  it('batched dot_general of transposed operands', async () => {
    const q = inputOf('q', 'f32', [2, 5, 3, 8])
    const k = inputOf('k', 'f32', [2, 6, 3, 8])
    const heads = (v: Value): Value => b.transpose(v, [0, 2, 1, 3])
    const attrs = { lhsBatch: [0, 1], rhsBatch: [0, 1], lhsContract: [3], rhsContract: [3] }
    const scores = b.dotGeneral(heads(q), heads(k), attrs)
    const back = b.transpose(scores, [0, 2, 1, 3])
    await check([q, k], [scores, b.reshape(back, [10, 18])])
  })

  const nhwc = { batch: 0, feature: 3, spatial: [1, 2] }
  const nchw = { batch: 0, feature: 1, spatial: [2, 3] }
  const oihw = { output: 0, input: 1, spatial: [2, 3] }
  const axis = (size: number, stride = 1, pad = 0, dilation = 1) => ({
    ...trivialWindow,
    size,
    stride,
    dilation,
    low: pad,
    high: pad,
  })

  it.each([
    { n: 1, c: 3, h: 8, w: 8, o: 8, k: 3, stride: 1, pad: 1, groups: 1 },
    { n: 2, c: 4, h: 7, w: 9, o: 12, k: 3, stride: 2, pad: 1, groups: 1 },
    { n: 1, c: 8, h: 5, w: 5, o: 6, k: 1, stride: 1, pad: 0, groups: 1 },
    { n: 2, c: 8, h: 5, w: 6, o: 8, k: 3, stride: 1, pad: 1, groups: 8 },
    { n: 1, c: 6, h: 6, w: 6, o: 6, k: 5, stride: 2, pad: 2, groups: 6 },
    { n: 2, c: 16, h: 8, w: 10, o: 24, k: 3, stride: 1, pad: 1, groups: 1 },
    { n: 1, c: 16, h: 10, w: 10, o: 16, k: 3, stride: 1, pad: 1, groups: 1 },
    { n: 1, c: 36, h: 24, w: 20, o: 16, k: 3, stride: 1, pad: 1, groups: 1 },
    { n: 2, c: 6, h: 1, w: 1, o: 10, k: 1, stride: 1, pad: 0, groups: 1 },
    { n: 1, c: 6, h: 2, w: 1, o: 5, k: 1, stride: 1, pad: 0, groups: 1 },
    { n: 1, c: 7, h: 6, w: 7, o: 7, k: 3, stride: 2, pad: 1, groups: 7 },
    { n: 1, c: 5, h: 5, w: 4, o: 5, k: 3, stride: 3, pad: 1, groups: 5 },
    { n: 2, c: 6, h: 6, w: 7, o: 6, k: 5, stride: 1, pad: 2, groups: 6 },
    { n: 1, c: 9, h: 4, w: 3, o: 9, k: 5, stride: 1, pad: 2, groups: 9 },
    { n: 2, c: 4, h: 6, w: 6, o: 8, k: 3, stride: 1, pad: 1, groups: 2 },
    { n: 1, c: 1, h: 6, w: 2, o: 3, k: 3, stride: 1, pad: 1, groups: 1 },
  ])('convolution %j', async ({ n, c, h, w, o, k, stride, pad, groups }) => {
    const random = new Random(c)
    const window = [axis(k, stride, pad), axis(k, stride, pad)]
    const kernel = b.constant(randomTensor(random, 'f32', [o, c / groups, k, k]))
    const bias = b.constant(randomTensor(random, 'f32', [o]))
    const last = inputOf('last', 'f32', [n, h, w, c])
    const first = inputOf('first', 'f32', [n, c, h, w])
    const y = b.convolution(last, kernel, { lhs: nhwc, rhs: oihw, out: nhwc, window, groups })
    const z = b.convolution(first, kernel, { lhs: nchw, rhs: oihw, out: nchw, window, groups })
    const relu = b.binary('max', b.binary('add', y, bias), b.scalar(0, 'f32'))
    const again = b.binary('mul', relu, b.scalar(0.5, 'f32'))
    await check([last, first], [again, z])
  })

  it.each([
    { size: 6, c: 8 },
    { size: 10, c: 16 },
  ])('residual blocks %j', async ({ size, c }) => {
    const random = new Random(5)
    const x = inputOf('x', 'f32', [1, size, size, c])
    const attrs = { lhs: nhwc, rhs: oihw, out: nhwc, window: [axis(3, 1, 1), axis(3, 1, 1)], groups: 1 }
    const conv = (v: Value): Value => b.convolution(v, b.constant(randomTensor(random, 'f32', [c, c, 3, 3])), attrs)
    const relu = (v: Value): Value => b.binary('max', v, b.scalar(0, 'f32'))
    const first = relu(conv(x))
    const second = relu(b.binary('add', conv(first), x))
    const third = relu(b.binary('add', conv(second), conv(first)))
    await check([x], [b.mean(third, [1, 2], false), second])
  })

  it.each([
    [{ ...trivialWindow, size: 2, stride: 2 }],
    [{ ...trivialWindow, size: 3, stride: 2, low: 1, high: 1 }],
    [{ ...trivialWindow, size: 3, dilation: 2, low: 2, high: 2 }],
  ])('reduce_window %j', async (w) => {
    const x = inputOf('x', 'f32', [2, 9, 8, 5])
    const window = [trivialWindow, w, w, trivialWindow]
    await check([x], [b.reduceWindow('max', x, window), b.unary('neg', b.reduceWindow('add', x, window))])
  })

  it('softmax', async () => {
    const x = inputOf('x', 'f32', [3, 10])
    const e = b.unary('exp', b.binary('sub', x, b.reduce('max', x, [1], true)))
    await check([x], [b.binary('div', e, b.reduce('add', e, [1], true))])
  })

  it('unary functions', async () => {
    const x = inputOf('x', 'f32', [21])
    const positive = b.binary('add', b.unary('abs', x), b.scalar(1.25, 'f32'))
    const small = b.binary('mul', x, b.scalar(0.4, 'f32'))
    const any = (
      [
        'exp',
        'sin',
        'cos',
        'tan',
        'atan',
        'sinh',
        'cosh',
        'tanh',
        'asinh',
        'erf',
        'ceil',
        'floor',
        'trunc',
        'round',
      ] as const
    ).map((op) => b.unary(op, x))
    const bounded = (['asin', 'acos', 'atanh'] as const).map((op) => b.unary(op, small))
    const above = (['log', 'acosh', 'sqrt'] as const).map((op) => b.unary(op, positive))
    await check([x], [...any, ...bounded, ...above, b.binary('pow', positive, x)])
  })

  it('refuses what it has no kernel for, with a code', async () => {
    const x = inputOf('x', 'bool', [3])
    await expect(compileGraph(graphOf([x], b.sort(x, 0, false)))).rejects.toThrow('A401')
  })
})
