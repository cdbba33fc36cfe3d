import { Builder } from '../core/builder.ts'
import type { Value } from '../core/graph.ts'
import { dequantized } from '../core/quantization.ts'
import { elementCount, rowMajorStrides } from '../core/shape.ts'
import { tensor, tensorOf, type Tensor } from '../core/tensor.ts'
import type { Weights } from './layers.ts'
import { roundHalfEven } from './range.ts'

/** Weights as integers of [−127, 127], symmetric around 0, with a scale for each output channel. */
export interface QuantizedWeights {
  readonly data: Int8Array
  readonly scales: Float32Array
}

export const largestWeight = 127
/** Biases stay below 2^30, so that adding the products overflows no i32. */
const largestBias = 2 ** 30

/** The channel of each element of the weights. */
export function channelOf({ tensor: { shape }, axis, channels }: Weights): (i: number) => number {
  if (axis === undefined) return () => 0
  const stride = rowMajorStrides(shape)[axis]!
  return (i) => Math.floor(i / stride) % channels
}

/** Distinct values of a tensor that had 8 bits at most. */
const mostSteps = 256

/**
 * The step of the grid that all values lie on, if they do: weights of a network that was trained for integers, which then
 * lose nothing more.
 */
function stepOf(values: Float32Array): number | undefined {
  const distinct = new Set<number>()
  for (const x of values) if (distinct.add(x).size > mostSteps) return undefined
  const sorted = Float64Array.from(distinct).sort()
  const gap = sorted.reduce((least, x, i) => (i > 0 ? Math.min(least, x - sorted[i - 1]!) : least), Infinity)
  if (!(gap > 0 && gap < Infinity)) return undefined
  let [products, squares] = [0, 0]
  for (const x of sorted) {
    const steps = Math.round(x / gap)
    if (Math.abs(x / gap - steps) > 0.01) return undefined
    products += x * steps
    squares += steps * steps
  }
  return products / squares
}

/** Least scales that clip no weight (or the grid's, where the weights lie on one), and with which no bias exceeds its integers. */
function scalesFor(weights: Weights, bias?: ArrayLike<number>, inputScale?: number): Float32Array {
  const largest = new Float64Array(weights.channels)
  const channel = channelOf(weights)
  const values = weights.tensor.data as Float32Array
  for (let i = 0; i < values.length; i++) {
    const c = channel(i)
    largest[c] = Math.max(largest[c]!, Math.abs(values[i]!))
  }
  const step = stepOf(values)
  return Float32Array.from(largest, (max, c) => {
    const least = step !== undefined && max < (largestWeight + 0.5) * step ? step : max / largestWeight
    const forBias =
      bias?.length === weights.channels && inputScale !== undefined
        ? Math.abs(bias[c]!) / (inputScale * largestBias)
        : 0
    return Math.max(least, forBias, 2 ** -100)
  })
}

/** `bias` and the scale of the input where both are stored as integers. */
export function quantizeWeights(weights: Weights, bias?: ArrayLike<number>, inputScale?: number): QuantizedWeights {
  const scales = scalesFor(weights, bias, inputScale)
  const channel = channelOf(weights)
  const values = weights.tensor.data as Float32Array
  const data = Int8Array.from(values, (w, i) => {
    const q = roundHalfEven(w / scales[channel(i)]!)
    return Math.min(largestWeight, Math.max(-largestWeight, q))
  })
  return { data, scales }
}

/** A vector along `axis` of tensors of this rank; the axes before it are left out. */
function lineUp(b: Builder, values: ArrayLike<number>, axis: number, rank: number): Value {
  const shape = [values.length, ...new Array<number>(rank - axis - 1).fill(1)]
  return b.constant(tensor('f32', shape, Float32Array.from(values)))
}

/** The scales as an operand of a map over a tensor whose channels are along `axis`. */
export const scaleOperand = (b: Builder, scales: Float32Array, axis: number | undefined, rank: number): Value =>
  axis === undefined ? b.scalar(scales[0]!, 'f32') : lineUp(b, scales, axis, rank)

/** The integers, and a map that makes them numbers. */
export function weightsValue(b: Builder, weights: Weights, { data, scales }: QuantizedWeights): Value {
  const { shape } = weights.tensor
  const stored = b.constant(tensor('i8', shape, data))
  return b.map([stored, scaleOperand(b, scales, weights.axis, shape.length)], (q, s) => dequantized(q!, s!, undefined))
}

/** A bias of the shape it had, as integers in units of input scale times weight scale. */
export function biasValue(b: Builder, bias: Tensor, inputScale: number, { scales }: QuantizedWeights): Value {
  const units = Array.from({ length: elementCount(bias.shape) }, (_, i) =>
    Math.fround(inputScale * (scales.length === 1 ? scales[0]! : scales[i]!)),
  )
  const values = bias.data as Float32Array
  const stored = b.constant(
    tensorOf(
      'i32',
      bias.shape,
      units.map((unit, i) => roundHalfEven(values[i]! / unit)),
    ),
  )
  const scale = b.constant(tensorOf('f32', bias.shape, units))
  return b.map([stored, scale], (q, s) => dequantized(q!, s!, undefined))
}
