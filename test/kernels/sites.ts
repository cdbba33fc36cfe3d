import { Builder } from '../../compiler/core/builder.ts'
import type { DType } from '../../compiler/core/scalar/dtype.ts'
import { convert, mathOps } from '../../compiler/core/scalar/expr.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import type { NodeOf, Value } from '../../compiler/core/graph.ts'
import { trivialWindow } from '../../compiler/core/ops/window.ts'
import { dequantized, saturated } from '../../compiler/core/scalar/quantization.ts'
import { elementCount } from '../../compiler/core/shape.ts'
import type { Sparsity } from '../../compiler/core/artefact/artefact.ts'
import { tensorOf, type Tensor } from '../../compiler/core/tensor.ts'
import { bytes, convolutionOf, requantized, weightShape, type Byte, type Form } from '../support/convolution.ts'
import type { Random } from '../support/random.ts'
import { bandBytes, beyondBand, depthwise, grouped, large, tiled, tiledByFour } from './forms.ts'
import { thinOut } from '../support/thin-out.ts'
import { inputOf, randomTensor } from '../support/run-graph.ts'

const b = new Builder(undefined)

/** A part of a graph: shapes at random, of which most go beyond a band, strip or block of the template that computes it. */
export interface Site {
  readonly input: Value
  readonly data: Tensor
  readonly outputs: readonly Value[]
  /** Where weights are stored without zeros, unless where that is faster. */
  readonly sparse?: Sparsity
}

export type Family = (random: Random, draw: number) => Site

/** Floats that are small integers, so that no sum of their products is rounded, fused or not. */
function whole(random: Random, shape: readonly number[], most: number): Tensor {
  const values = Array.from({ length: elementCount(shape) }, () => random.int(2 * most + 1) - most)
  return tensorOf('f32', shape, values)
}

const inputSite = (data: Tensor, outputs: (x: Value) => Value[]): Site => {
  const input = inputOf('x', data.dtype, data.shape)
  return { input, data, outputs: outputs(input) }
}

/** One of the ways in which sums of integers end: bytes, sums, floats, or a sum with bytes that are read beside. */
function finished(random: Random, sum: Value, dtype: Byte, way: number): Value {
  const channels = sum.type.shape.at(-1)!
  if (way === 0) return requantized(random, sum, channels, dtype, 3)
  if (way === 1) return sum
  if (way === 2) return b.map([sum, b.scalar(0.01, 'f32')], (s, m) => dequantized(s!, m!, undefined))
  const other = b.constant(bytes(random, 'i8', sum.type.shape))
  return b.map([sum, other, b.scalar(0.02, 'f32')], (s, o, m) =>
    saturated(f.add(f.mul(convert(s!, 'f32'), 1e-3), dequantized(o!, m!, undefined)), undefined, 'i8'),
  )
}

/** Weights without -128 in two of three draws: with it engines may refuse the relaxed dot product. */
function byteWeights(random: Random, shape: readonly number[], draw: number): Value {
  const w = bytes(random, 'i8', shape)
  if (draw % 3 !== 2) w.data.forEach((v, i) => (w.data[i] = Math.max(-127, Number(v))))
  return b.constant(w)
}

const integerConvolution =
  (form: (random: Random) => Form, share = 0): Family =>
  (random, draw) => {
    const shape = form(random)
    const dtype = random.pick(['i8', 'u8'] as const)
    const site = inputSite(bytes(random, dtype, shape.x), (x) => {
      const weights = byteWeights(random, weightShape(shape), draw)
      if (share > 0) thinOut(random, (weights.node as NodeOf<'constant'>).attrs.value, share, 4)
      const sum = convolutionOf(x, shape, dtype === 'i8' ? -7 : 131, weights)
      return [finished(random, sum, dtype, draw % 4)]
    })
    return { ...site, ...(share > 0 && { sparse: 'size' }) }
  }

const contraction = { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] }

const integerMatrix =
  (rows: (random: Random, K: number) => number): Family =>
  (random, draw) => {
    const K = random.pick([129, 254, 510])
    const N = 34 + random.int(40)
    const dtype = random.pick(['i8', 'u8'] as const)
    return inputSite(bytes(random, dtype, [rows(random, K), K]), (x) => [
      finished(random, b.dotGeneral(x, byteWeights(random, [K, N], draw), contraction), dtype, draw % 4),
    ])
  }

/** Convolutions and products of bytes. */
export const integerFamilies: Readonly<Record<string, Family>> = {
  'pixels in bands': integerConvolution(beyondBand(1, 1)),
  'pixels by two in bands': integerConvolution(beyondBand(1, 1, { stride: 2 }, [320, 512])),
  'taps in bands': integerConvolution(beyondBand(3, 1, {}, [252, 508])),
  'dilated taps': integerConvolution(beyondBand(3, 1, { dilation: 2, pad: 2 }, [255, 510])),
  'images in bands': integerConvolution((random) => {
    const form = beyondBand(1, 1, {}, [128, 250])(random)
    return { ...form, x: [3, ...form.x.slice(1)] }
  }),
  groups: integerConvolution(grouped(1)),
  'depthwise 3×3': integerConvolution(depthwise(3, 1)),
  'depthwise 3×3 by two': integerConvolution(depthwise(3, 2)),
  'depthwise 5×5': integerConvolution(depthwise(5, 1)),
  'Winograd in strips': integerConvolution(tiled([16, 24])),
  'sparse pixels': integerConvolution(beyondBand(1, 4, { outputs: 90 }, [75, 160, 256]), 0.8),
  'sparse images by two': integerConvolution(
    (random) => ({ x: [2, 9 + random.int(5), 11, 50 + random.int(40)], kernel: [1, 1], outputs: 84, stride: 2 }),
    0.7,
  ),
  'sparse taps': integerConvolution(beyondBand(3, 16, { outputs: 45 }, [61, 130]), 0.85),
  'rows in bands': integerMatrix((random, K) => Math.floor(bandBytes / K) + 1 + random.int(100)),
  'one or two rows': integerMatrix((random) => 1 + random.int(2)),
}

const bias = (random: Random, y: Value): Value =>
  b.map([y, b.constant(whole(random, [y.type.shape.at(-1)!], 9))], (e, c) => f.max(f.add(e!, c!), -40))

const floatConvolution =
  (
    form: (random: Random) => Form,
    weights = (random: Random, form: Form): Value => b.constant(whole(random, weightShape(form), 3)),
  ): Family =>
  (random) => {
    const shape = form(random)
    return inputSite(whole(random, shape.x, 4), (x) => [
      bias(random, convolutionOf(x, shape, random.pick([0, 3]), weights(random, shape))),
    ])
  }

/** Integers with a scale for each index of `axis`. */
function scaled(random: Random, shape: readonly number[], axis: number): Value {
  const dtype = random.pick(['i8', 'i4'] as const)
  const [low, count] = dtype === 'i8' ? [-127, 255] : [-8, 16]
  const q = b.constant(
    tensorOf(
      dtype,
      shape,
      Array.from({ length: elementCount(shape) }, () => low + random.int(count)),
    ),
  )
  const along = shape.map((d, i) => (i === axis ? d : 1))
  const scale = b.constant(
    tensorOf(
      'f32',
      along,
      Array.from({ length: shape[axis]! }, () => 2 ** -random.int(4)),
    ),
  )
  return b.map([q, scale], (e, s) => dequantized(e!, s!, undefined))
}

const scaledWeights = (random: Random, form: Form): Value => scaled(random, weightShape(form), 0)

const sparseWeights =
  (share: number, together: 1 | 4) =>
  (random: Random, form: Form): Value =>
    b.constant(thinOut(random, whole(random, weightShape(form), 3), share, together))

const sparseRows =
  (together: number): Family =>
  (random) => {
    const [M, K, N] = [1 + random.int(2), 270 + random.int(400), 90 + random.int(99)]
    const site = inputSite(whole(random, [M, K], 4), (x) => {
      const w = b.transpose(b.constant(thinOut(random, whole(random, [N, K], 3), 0.97, together)), [1, 0])
      return [bias(random, b.dotGeneral(x, w, contraction))]
    })
    return { ...site, sparse: 'size' }
  }

const matrix =
  (shape: (random: Random) => [number, number, number], quantized: boolean): Family =>
  (random) => {
    const [M, K, N] = shape(random)
    return inputSite(whole(random, [M, K], 4), (x) => {
      const w = quantized ? scaled(random, [K, N], 1) : b.constant(whole(random, [K, N], 3))
      return [bias(random, b.dotGeneral(x, w, contraction))]
    })
  }

/** Batches of products whose operands are both known at run time only. */
const batches: Family = (random) => {
  const K = random.pick([61, 130])
  const M = Math.floor(bandBytes / 4 / K) + 1 + random.int(90)
  return inputSite(whole(random, [2, M, K], 4), (x) => {
    const w = b.transpose(b.slice(x, [0, 0, 0], [2, 13, K]), [0, 2, 1])
    return [b.dotGeneral(x, w, { lhsBatch: [0], rhsBatch: [0], lhsContract: [2], rhsContract: [1] })]
  })
}

const transposed: Family = (random) => {
  const form: Form = { x: [1, 9, 7, 1 + random.int(9)], kernel: [4, 4], outputs: 5 + random.int(8) }
  return inputSite(whole(random, form.x, 4), (x) => {
    const y = convolutionOf(x, form, 0, b.constant(whole(random, weightShape(form), 3)))
    const { attrs } = y.node as Extract<Value['node'], { op: 'convolution' }>
    const window = attrs.window.map((w) => ({ ...w, low: 2, high: 2, baseDilation: 2 }))
    return [bias(random, b.convolution(x, y.node.operands[1]!, { ...attrs, window }))]
  })
}

/** Rows of attention that go beyond what is cut into blocks. */
const attention: Family = (random) => {
  const rows = 380 + random.int(9)
  return inputSite(whole(random, [2, rows, 20], 1), (x) => {
    const by = { lhsBatch: [0], rhsBatch: [0] }
    const scores = b.dotGeneral(x, x, { ...by, lhsContract: [2], rhsContract: [2] })
    const exps = b.unary('exp', b.binary('sub', scores, b.reduce('max', scores, [2], true)))
    const shares = b.binary('div', exps, b.reduce('add', exps, [2], true))
    return [b.dotGeneral(shares, x, { ...by, lhsContract: [2], rhsContract: [1] })]
  })
}

const sorted: Family = (random, draw) => {
  const dtypes: readonly DType[] = ['f32', 'f64', 'i8', 'i16', 'i32', 'i64', 'u8', 'u16', 'u32', 'u64']
  const shape = [1 + random.int(3), 20 + random.int(50), 1 + random.int(3)]
  return inputSite(whole(random, shape, 60), (x) =>
    dtypes.flatMap((dtype) => b.sort(b.convert(b.unary('abs', x), dtype), 1, draw % 2 === 0)),
  )
}

/** The leaves that rows of this many features reach in random trees, as floats of both widths. */
const forest =
  (width: number): Family =>
  (random) => {
    const trees = 5 + random.int(9)
    const [features, next, thresholds, missing, roots]: number[][] = [[], [], [], [], []]
    let leaves = 0
    const grow = (depth: number): number => {
      if (depth === 0 || random.int(5) === 0) return -1 - leaves++
      const at = features!.push(random.int(width)) - 1
      thresholds!.push(random.int(5) - 2)
      missing!.push(random.int(2))
      next!.push(0, 0)
      next![2 * at] = grow(depth - 1)
      next![2 * at + 1] = grow(depth - 1)
      return at
    }
    for (let tree = 0; tree < trees; tree++) roots!.push(grow(3 + random.int(5)))
    const list = (dtype: DType, values: readonly number[], shape = [values.length]): Value =>
      b.constant(tensorOf(dtype, shape, values))
    const rows = whole(random, [1 + random.int(9), width], 3)
    return inputSite(rows, (x) =>
      [x, b.convert(x, 'f64')].map((v) =>
        b.decisionTrees(v, {
          thresholds: list(v.type.dtype, thresholds!),
          features: list('i32', features!),
          next: list('i32', next!, [features!.length, 2]),
          missing: list('u8', missing!),
          roots: list('i32', roots!),
        }),
      ),
    )
  }

/** The gradient of a convolution's weights, of more pixels than a band, and products over the rows of both matrices. */
const gradients: Family = (random) => {
  const groups = random.pick([1, 2, 3])
  const [images, length] = [2 + random.int(2), 9 + random.int(9)]
  const [channels, outputs] = [groups * (1 + random.int(9)), groups * (5 + random.int(20))]
  const kernel = 1 + random.int(4)
  const stride = 1 + random.int(2)
  const low = random.int(kernel)
  const positions = Math.floor((length + low - kernel) / stride) + 1
  const last = (positions - 1) * stride + kernel - low - length
  const window = [0, 1].map(() => ({ ...trivialWindow, size: positions, dilation: stride, low, high: last }))
  return inputSite(whole(random, [images, length, length, channels], 3), (x) => {
    const [g, depthwise] = [outputs, channels].map((n) =>
      b.constant(whole(random, [images, positions, positions, n], 3)),
    )
    const attrs = {
      ...{ lhs: { batch: 3, feature: 0, spatial: [1, 2] }, rhs: { input: 0, output: 3, spatial: [1, 2] } },
      ...{ out: { batch: 2, feature: 3, spatial: [0, 1] }, window, groups: 1 },
    }
    const rows = b.reshape(x, [images * length, length * channels])
    return [
      b.convolution(x, g!, { ...attrs, batchGroups: groups }),
      b.convolution(x, depthwise!, { ...attrs, batchGroups: channels }),
      b.dotGeneral(rows, rows, { lhsBatch: [], rhsBatch: [], lhsContract: [0], rhsContract: [0] }),
    ]
  })
}

const exactFloats: Readonly<Record<string, Family>> = {
  'pixels in bands': floatConvolution(beyondBand(1, 4)),
  'taps in bands': floatConvolution(beyondBand(3, 4, { pad: 0 }, [61, 130])),
  'taps of many pixels': floatConvolution(large),
  groups: floatConvolution(grouped(4)),
  'depthwise 3×3': floatConvolution(depthwise(3, 1)),
  'depthwise 3×3 by two': floatConvolution(depthwise(3, 2)),
  'depthwise 5×5': floatConvolution(depthwise(5, 1)),
  'depthwise 5×5 by two': floatConvolution(depthwise(5, 2)),
  'depthwise 1×5': floatConvolution((random) => ({ ...depthwise(5, 1)(random), kernel: [1, 5], pad: 0 })),
  'depthwise with gaps': floatConvolution((random) => {
    const channels = random.pick([64, 128])
    const x = [1 + random.int(2), 3 + random.int(2), random.pick([3, 130]) + random.int(9), channels]
    return { x, kernel: [3, 3], outputs: channels, groups: channels, stride: 1 + random.int(2), pad: 1 }
  }),
  'Winograd in bands': floatConvolution(tiled([16, 21, 24])),
  'quantized taps in bands': floatConvolution(beyondBand(3, 1, { pad: 0 }, [127, 250]), scaledWeights),
  'quantized groups': floatConvolution(grouped(1), scaledWeights),
  'quantized depthwise': floatConvolution(depthwise(3, 1), scaledWeights),
  'quantized Winograd': floatConvolution(tiled([16, 21, 24]), scaledWeights),
  'rows in bands': matrix((random) => [130 + random.int(90), 127 + random.int(9), 13 + random.int(30)], false),
  'quantized rows in bands': matrix((random) => [520 + random.int(90), 126 + random.int(9), 9 + random.int(9)], true),
  'one or two rows': matrix((random) => [1 + random.int(2), 70 + random.int(90), 30 + random.int(60)], false),
  'sparse pixels': floatConvolution(beyondBand(1, 4, { outputs: 90 }, [96, 160, 256]), sparseWeights(0.8, 1)),
  'sparse pixels in blocks': floatConvolution(beyondBand(1, 4, { outputs: 90 }, [96, 160, 256]), sparseWeights(0.8, 4)),
  'sparse taps': floatConvolution(beyondBand(3, 16, { outputs: 30 }, [61, 130]), sparseWeights(0.9, 4)),
  'one or two sparse rows': sparseRows(1),
  'one or two sparse rows in blocks': sparseRows(4),
  batches,
  transposed,
  gradients,
  sorts: sorted,
  forests: forest(7),
  'forests of many features': forest(2 ** 15 + 9),
  transposes: (random) =>
    inputSite(whole(random, [3 + random.int(40), 5 + random.int(70), 1 + random.int(9)], 9), (x) => [
      b.transpose(x, [1, 0, 2]),
      b.transpose(x, [2, 1, 0]),
    ]),
  'halves and remainders': (random) =>
    inputSite(randomTensor(random, 'f32', [100 + random.int(50)]), (x) => [
      b.convert(b.convert(x, 'f16'), 'f32'),
      b.convert(b.convert(x, 'bf16'), 'f32'),
      b.binary('rem', b.convert(x, 'f64'), b.scalar(0.75, 'f64')),
    ]),
}

/** In two kinds of floats, and powers. */
const functions: Family = (random) =>
  inputSite(randomTensor(random, 'f32', [61 + random.int(90)]), (x) => {
    const both = [x, b.convert(x, 'f64')]
    return both.flatMap((v) => [
      ...mathOps.map((op) => b.unary(op, v)),
      b.binary('pow', b.unary('abs', v), b.binary('add', v, b.scalar(0.5, v.type.dtype))),
    ])
  })

const quantizedRows = matrix((random) => [1 + random.int(2), 70 + random.int(90), 30 + random.int(60)], true)

/** Results that are the same with fused multiply-adds and without, and how far others may be apart, relatively to 1 and more. */
export const floatFamilies = {
  exact: exactFloats,
  // `f32_qcw_gemv_1x16` sums weights times 2²⁴ and takes a part away at the end.
  rounded: {
    attention: [attention, 1e-5],
    functions: [functions, 1e-5],
    'Winograd by four in bands': [floatConvolution(tiledByFour), 1e-3],
    'one or two quantized rows': [quantizedRows, 2e-3],
  },
} satisfies { exact: Readonly<Record<string, Family>>; rounded: Readonly<Record<string, readonly [Family, number]>> }
