import type { Builder } from '../../core/builder.ts'
import { fail } from '../../core/diagnostics/diagnostic.ts'
import { isFloat } from '../../core/scalar/dtype.ts'
import type { Value } from '../../core/graph.ts'
import { tensorOf } from '../../core/tensor.ts'
import type { OpContext } from '../context.ts'
import { range } from './axes.ts'
import * as f from '../../core/scalar/formula.ts'
import { takeFixed } from './indices.ts'

/** How one axis is resized, in the terms of the operator Resize. */
export interface ResizeAxis {
  readonly axis: number
  /** Length before and after. */
  readonly from: number
  readonly to: number
  readonly scale: number
  /** The scale as a ratio of lengths, after and before, where the model gives sizes: no float stands for it exactly. */
  readonly ratio?: readonly [number, number]
  /** Length after, before it was rounded. */
  readonly exact: number
  /** Region of interest, as fractions of the axis; for tf_crop_and_resize. */
  readonly roi: readonly [number, number]
}

export interface ResizeMode {
  readonly kind: 'nearest' | 'linear' | 'cubic'
  readonly coordinates: string
  readonly rounding: string
  readonly cubicA: number
  readonly excludeOutside: boolean
  readonly antialias: boolean
  /** Value outside of the region of interest, if there is one. */
  readonly extrapolation: number | undefined
}

const f32 = Math.fround

/**
 * Position in the input of element `i` of the output: which neighbour is nearest may hang on the last bit. Sizes give it
 * exactly, as frameworks have it (`i * 28 / 4`). A scale is f32, and each step is too, as in onnxruntime.
 */
function coordinate(
  c: OpContext,
  mode: string,
  { from, to, scale, ratio, exact, roi }: ResizeAxis,
): (i: number) => number {
  const round = ratio ? (x: number) => x : f32
  /** x / scale */
  const over = ratio ? (x: number) => (x * ratio[1]) / ratio[0] : (x: number) => f32(x / scale)
  const centre = (i: number): number => round(over(i + 0.5) - 0.5)
  switch (mode) {
    case 'half_pixel':
      return centre
    case 'half_pixel_symmetric': {
      const offset = round((from / 2) * round(1 - round(to / round(exact))))
      return (i) => round(offset + (ratio ? over(i + 0.5) : (i + 0.5) / scale) - 0.5)
    }
    case 'pytorch_half_pixel':
      return (i) => (to > 1 ? centre(i) : 0)
    case 'align_corners':
      return (i) => (to > 1 ? round((i * (from - 1)) / round(exact - 1)) : 0)
    case 'asymmetric':
      return over
    case 'tf_half_pixel_for_nn':
      return (i) => over(i + 0.5)
    case 'tf_crop_and_resize': {
      const [start, end] = roi
      if (to <= 1) return () => f32(0.5 * f32(start + end) * (from - 1))
      const first = f32(start * (from - 1))
      return (i) => f32(first + f32(f32(f32(i * f32(end - start)) * (from - 1)) / (to - 1)))
    }
    default:
      return c.unsupported(`coordinate_transformation_mode "${mode}"`)
  }
}

const roundings: Readonly<Record<string, (x: number, shrinks: boolean) => number>> = {
  // Before opset 11 there was no choice: onnxruntime's.
  simple: (x, shrinks) => (shrinks ? Math.ceil(x) : Math.floor(x)),
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
}

/** Weight of an element at distance x (Keys' cubic convolution with parameter a; hat function). */
const kernels = {
  linear: (x: number) => Math.max(0, 1 - Math.abs(x)),
  cubic: (a: number) => (signed: number) => {
    const x = Math.abs(signed)
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0
  },
}

/** How far the kernel is widened: by the scale where antialiasing makes the image smaller. */
const shrinkOf = (mode: ResizeMode, axis: ResizeAxis): number => (mode.antialias ? Math.min(1, axis.scale) : 1)

/** Number of elements on either side that have weight. */
const supportOf = (mode: ResizeMode, axis: ResizeAxis): number =>
  Math.ceil((mode.kind === 'cubic' ? 2 : 1) / shrinkOf(mode, axis))

/** The elements that make the one at position `at`, with their weights; outside of the input its edge goes on. */
function taps(at: number, mode: ResizeMode, axis: ResizeAxis): { place: number; weight: number }[] {
  const kernel = mode.kind === 'cubic' ? kernels.cubic(mode.cubicA) : kernels.linear
  const shrink = shrinkOf(mode, axis)
  const support = supportOf(mode, axis)
  const left = Math.ceil(at) - 1
  const places = range(1 - support, support + 1).map((k) => left + k)
  const raw = places.map((place) => {
    const outside = place < 0 || place >= axis.from
    return mode.excludeOutside && outside ? 0 : kernel((place - at) * shrink)
  })
  const total = mode.antialias || mode.excludeOutside ? raw.reduce((sum, w) => sum + w, 0) : 1
  return places.map((place, i) => ({ place: Math.max(0, Math.min(axis.from - 1, place)), weight: raw[i]! / total }))
}

/** Places that are each element `times` in turn. */
const isRepeat = (places: readonly number[], times: number): boolean =>
  places.every((p, i) => p === Math.floor(i / times))

function nearest(b: Builder, x: Value, places: readonly number[], { axis, from, to }: ResizeAxis): Value {
  const times = to / from
  if (!Number.isInteger(times) || !isRepeat(places, times)) return takeFixed(b, x, places, axis)
  const { shape } = x.type
  const wide = [...shape.slice(0, axis + 1), times, ...shape.slice(axis + 1)]
  const repeated = b.broadcastInDim(
    x,
    wide,
    shape.map((_, i) => (i <= axis ? i : i + 1)),
  )
  return b.reshape(
    repeated,
    shape.map((d, i) => (i === axis ? to : d)),
  )
}

/** Lengths, weights and elements of a dense weight matrix, beyond which a resize is refused. */
const limits = { length: 2 ** 20, weights: 2 ** 21, matrix: 2 ** 24 }

function limit(n: number, most: number, { from, to }: ResizeAxis): void {
  if (n > most)
    fail('A301', `an axis of ${from} elements becomes ${to}; that takes ${n} weights or indices, more than ${most}`)
}

/** Weighted sums along one axis: of few taps by gathers, of many by a product with the matrix of weights. */
function interpolate(c: OpContext, x: Value, mode: ResizeMode, axis: ResizeAxis, at: (i: number) => number): Value {
  const { b } = c
  const { dtype, shape } = x.type
  const count = 2 * supportOf(mode, axis)
  limit(axis.to * count, limits.weights, axis)
  const all = range(0, axis.to).map((i) => taps(at(i), mode, axis))
  if (count <= 4) {
    const weightShape = [axis.to, ...shape.slice(axis.axis + 1).map(() => 1)]
    const operands = range(0, count).flatMap((k) => [
      takeFixed(
        b,
        x,
        all.map((t) => t[k]!.place),
        axis.axis,
      ),
      b.constant(
        tensorOf(
          dtype,
          weightShape,
          all.map((t) => t[k]!.weight),
        ),
      ),
    ])
    return b.map(operands, (...args) => {
      const products = range(0, count).map((k) => f.mul(args[2 * k]!, args[2 * k + 1]!))
      return products.reduce((sum, p) => f.add(sum, p))
    })
  }
  limit(axis.to * axis.from, limits.matrix, axis)
  const matrix = new Float64Array(axis.to * axis.from)
  all.forEach((row, i) => row.forEach(({ place, weight }) => (matrix[i * axis.from + place]! += weight)))
  const product = b.dotGeneral(x, b.constant(tensorOf(dtype, [axis.to, axis.from], matrix)), {
    lhsBatch: [],
    rhsBatch: [],
    lhsContract: [axis.axis],
    rhsContract: [1],
  })
  // The resized axis comes last.
  const last = shape.length - 1
  return b.transpose(
    product,
    range(0, shape.length).map((i) => (i < axis.axis ? i : i === axis.axis ? last : i - 1)),
  )
}

/** `x` resized along `axes`, one after another: interpolation is separable (ONNX Resize, opset 19). */
export function resize(c: OpContext, x: Value, axes: readonly ResizeAxis[], mode: ResizeMode): Value {
  const { b } = c
  const { dtype } = x.type
  const round =
    (Object.hasOwn(roundings, mode.rounding) && roundings[mode.rounding]) ||
    c.unsupported(`nearest_mode "${mode.rounding}"`)
  const blends = mode.kind !== 'nearest'
  let result = blends && !isFloat(dtype) ? b.convert(x, 'f32') : x
  const outside: Value[] = []
  for (const axis of axes) {
    c.check(axis.from > 0 || axis.to === 0, `axis ${axis.axis} has nothing to resize`)
    limit(axis.to, limits.length, axis)
    const at = coordinate(c, mode.coordinates, axis)
    const positions = range(0, axis.to).map(at)
    const isSame = axis.to === axis.from && positions.every((p, i) => p === i)
    if (isSame) continue
    if (blends) result = interpolate(c, result, mode, axis, at)
    else {
      const places = positions.map((p) => Math.max(0, Math.min(axis.from - 1, round(p, axis.scale < 1))))
      result = nearest(b, result, places, axis)
    }
    if (mode.extrapolation === undefined) continue
    const out = positions.map((p) => (p < 0 || p > axis.from - 1 ? 1 : 0))
    const shape = [axis.to, ...x.type.shape.slice(axis.axis + 1).map(() => 1)]
    if (out.includes(1)) outside.push(b.constant(tensorOf('bool', shape, out)))
  }
  const { extrapolation } = mode
  if (extrapolation === undefined || outside.length === 0) return b.convert(result, dtype)
  const filled = b.map([result, ...outside], (value, ...masks) =>
    f.select(
      masks.reduce((a, m) => f.or(a, m)),
      extrapolation,
      value!,
    ),
  )
  return b.convert(filled, dtype)
}
