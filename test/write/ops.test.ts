import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { binary, unary } from '../../compiler/core/scalar/expr.ts'
import { createNode } from '../../compiler/core/graph.ts'
import type { ConvolutionAttrs } from '../../compiler/core/ops/convolution.ts'
import { trivialWindow, type WindowAxis } from '../../compiler/core/ops/window.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { smallTensor } from '../fuzz/value-pool.ts'
import { Random } from '../support/random.ts'
import { expectOp, integers, kinds, types } from './expect-op.ts'

const b = new Builder(undefined)
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

  it('of u64 beyond the range of i64', async () => {
    const values = tensorOf('u64', [2, 4], [2n ** 64n - 1n, 0n, 2n ** 63n, 5n, 1n, 2n ** 63n - 1n, 2n ** 63n, 7n])
    await expectOp([values], (x) => [
      ...(['max', 'min'] as const).flatMap((kind) => [
        b.reduce(kind, x, [1]),
        b.argreduce(x, { kind, axis: 1, last: false }),
        b.cumulate(x, { kind, axis: 1, exclusive: false, reverse: false }),
        b.reduceWindow(kind, x, [one, window(2)]),
      ]),
      ...b.sort(x, 1, true),
      ...b.sort(x, 1, false),
    ])
  })

  it('results without elements', async () => {
    const empty = tensorOf('f32', [2, 0, 3], [])
    await expectOp([empty, ['f32', [3, 4]]], (x, w) => [
      ...b.sort(x, 2, true),
      b.cumulate(x, { kind: 'max', axis: 1, exclusive: false, reverse: false }),
      b.reduceWindow('add', x, [one, one, window(2)]),
      b.dotGeneral(x, w, { lhsBatch: [], rhsBatch: [], lhsContract: [2], rhsContract: [0] }),
      b.pad(x, b.scalar(1, 'f32'), [0, 1, 0], [0, 0, 1]),
      b.concatenate([x, b.broadcast(b.scalar(1, 'f32'), [2, 2, 3])], 1),
      b.binary('add', x, x),
    ])
  })

  it('differences of bytes by scales along another axis', async () => {
    const zero = b.constant(tensorOf('i32', [4], [1, -2, 3, 0]))
    const scale = b.constant(tensorOf('f32', [4, 1], [0.5, 2, 1, 4]))
    await expectOp([['i8', [4, 4]]], (q) => {
      const difference = b.binary('sub', b.convert(q, 'i32'), zero)
      return b.binary('mul', b.convert(difference, 'f32'), scale)
    })
  })

  it('quotients of sums under windows that are no means', async () => {
    const pool = [one, one, window(2), window(2)]
    const divisors = [
      tensorOf('f32', [1, 2, 1, 1], [4, 8]),
      tensorOf('f32', [2, 1, 1, 1], [4, 8]),
      tensorOf('f32', [3, 1], [4, 8, 4]),
    ]
    await expectOp([['f32', [2, 2, 4, 4]]], (x) =>
      divisors.map((by) => b.binary('div', b.reduceWindow('add', x, pool), b.constant(by))),
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
        b.convolution(x, w, { ...attrs, window: [window(3, { baseDilation: 2, high: 6 }), window(2)] }),
        b.convolution(x, w, { ...attrs, window: [window(3, { baseDilation: 2 }), window(2, { low: 3 })] }),
        b.convolution(x, w, {
          ...attrs,
          window: [window(3, { baseDilation: 2 }), window(2, { baseDilation: 3, high: 3 })],
        }),
        b.convolution(x, w, { ...attrs, window: [window(3, { baseDilation: 2, stride: 2 }), window(2)] }),
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
