import { Builder } from '../core/builder.ts'
import type { Value } from '../core/graph.ts'
import { dequantized } from '../core/scalar/quantization.ts'
import { elementCount, rowMajorStrides } from '../core/shape.ts'
import { tensor, tensorOf, type Tensor } from '../core/tensor.ts'
import type { Weights } from './layers.ts'
import { roundHalfEven } from './range.ts'

export const bitsOfWeights = [3, 4, 8] as const
export type Bits = (typeof bitsOfWeights)[number]

/**
 * Weights as integers with a scale for each output channel: of 8 bits in [−127, 127], of 4 in [−8, 7], of 3 in [−4, 3]. Those of 3 bits are
 * stored in 4.
 */
export interface QuantizedWeights {
  readonly bits: Bits
  readonly data: Int8Array
  readonly scales: Float32Array
}

const largestWeight = 127

const ranges = { 3: [-4, 3], 4: [-8, 7], 8: [-largestWeight, largestWeight] } as const

/** The least and the greatest integer of so many bits. */
export const rangeOf = (bits: Bits): readonly [low: number, high: number] => ranges[bits]

/** Biases stay below 2^30, so that adding the products overflows no i32; corrections may add a quarter. */
const largestBias = 2 ** 30
const largestCorrected = largestBias * 1.25

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

/** What a channel's largest weight becomes may be cut to these shares of it; with fewer steps more is worth cutting. */
const cuts = [1, 0.96, 0.92, 0.88, 0.84, 0.8, 0.76, 0.72, 0.68, 0.64, 0.6]
const cutsOf = { 4: cuts, 3: [...cuts, 0.56, 0.52, 0.48, 0.44, 0.4] } as const

/** `channelOf` of every element. */
function channelsOf({ tensor: { shape }, axis, channels }: Weights): Int32Array {
  const all = new Int32Array(elementCount(shape))
  if (axis === undefined) return all
  const stride = rowMajorStrides(shape)[axis]!
  for (let from = 0, c = 0; from < all.length; from += stride, c = (c + 1) % channels) all.fill(c, from, from + stride)
  return all
}

/** They depend on the weights alone, and trials ask for them again and again. */
const narrow = { 3: new WeakMap<Weights, Float32Array>(), 4: new WeakMap<Weights, Float32Array>() }

/**
 * Scales for few bits: the largest weight of a channel becomes the least integer, which is one step more than the greatest, or less of it is
 * cut off than the finer steps of the others save (by squared errors).
 */
function narrowScales(weights: Weights, bits: 3 | 4): Float32Array {
  const known = narrow[bits].get(weights)
  if (known) return known
  const largest = new Float64Array(weights.channels)
  const channel = channelsOf(weights)
  const values = weights.tensor.data as Float32Array
  for (let i = 0; i < values.length; i++) {
    const c = channel[i]!
    if (Math.abs(values[i]!) > Math.abs(largest[c]!)) largest[c] = values[i]!
  }
  const scales = new Float32Array(weights.channels)
  const least = new Float64Array(weights.channels).fill(Infinity)
  for (const cut of cutsOf[bits]) {
    const tried = Float32Array.from(largest, (w) =>
      Math.abs(w) < 2 ** -100 ? 2 ** -100 : (w * cut) / rangeOf(bits)[0],
    )
    const errors = new Float64Array(weights.channels)
    for (let i = 0; i < values.length; i++) {
      const c = channel[i]!
      const error = values[i]! - nearest(values[i]!, tried[c]!, bits) * tried[c]!
      errors[c]! += error * error
    }
    errors.forEach((error, c) => {
      // The first stays where an error is no number.
      if (error < least[c]! || scales[c] === 0) [least[c], scales[c]] = [error, tried[c]!]
    })
  }
  narrow[bits].set(weights, scales)
  return scales
}

/** The integer of so many bits that stands for `w`. */
export function nearest(w: number, scale: number, bits: Bits): number {
  const [low, high] = rangeOf(bits)
  return Math.min(high, Math.max(low, roundHalfEven(w / scale)))
}

/** Least scales for 8 bits that clip no weight (or the grid's, where the weights lie on one), and with which no bias exceeds its integers. */
function scalesFor(weights: Weights, bias?: ArrayLike<number>, inputScale?: number): Float32Array {
  const largest = new Float64Array(weights.channels)
  const channel = channelsOf(weights)
  const values = weights.tensor.data as Float32Array
  for (let i = 0; i < values.length; i++) {
    const c = channel[i]!
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

/** A bias that is stored as integers where the input is, in units of its scale and the weights'. */
interface IntegerBias {
  readonly bias?: ArrayLike<number> | undefined
  readonly inputScale?: number | undefined
}

export interface WeightOptions extends IntegerBias {
  readonly bits?: Bits | undefined
}

/** What was found last, which most trials find again. */
const latest = new WeakMap<Weights, QuantizedWeights>()

export function quantizeWeights(weights: Weights, { bits = 8, bias, inputScale }: WeightOptions): QuantizedWeights {
  const scales = bits < 8 ? narrowScales(weights, bits as 3 | 4) : scalesFor(weights, bias, inputScale)
  const known = latest.get(weights)
  if (known?.bits === bits && known.scales.every((scale, c) => scale === scales[c])) return known
  const channel = channelsOf(weights)
  const values = weights.tensor.data as Float32Array
  const data = new Int8Array(values.length)
  for (let i = 0; i < values.length; i++) data[i] = nearest(values[i]!, scales[channel[i]!]!, bits)
  const found = { bits, data, scales }
  latest.set(weights, found)
  return found
}

/** Whether the bias fits its integers with scales that were chosen before it was corrected, or for another input scale. */
export function carriesBias({ scales }: QuantizedWeights, { bias, inputScale }: IntegerBias): boolean {
  if (bias?.length !== scales.length || inputScale === undefined) return true
  return scales.every((scale, c) => Math.abs(bias[c]!) <= inputScale * scale * largestCorrected)
}

/** A vector along `axis` of tensors of this rank; the axes before it are left out. */
function lineUp(b: Builder, values: ArrayLike<number>, axis: number, rank: number): Value {
  const shape = [values.length, ...new Array<number>(rank - axis - 1).fill(1)]
  return b.constant(tensor('f32', shape, Float32Array.from(values)))
}

/** The scales as an operand of a map over a tensor whose channels are along `axis`. */
export const scaleOperand = (b: Builder, scales: Float32Array, axis: number | undefined, rank: number): Value =>
  axis === undefined ? b.scalar(scales[0]!, 'f32') : lineUp(b, scales, axis, rank)

/** The integers as they are stored. */
export const storedWeights = (b: Builder, { tensor: { shape } }: Weights, { bits, data }: QuantizedWeights): Value =>
  b.constant(tensor(bits === 8 ? 'i8' : 'i4', shape, data))

/** The integers, and a map that makes them numbers. */
export function weightsValue(
  b: Builder,
  weights: Weights,
  quantized: QuantizedWeights,
  stored = storedWeights(b, weights, quantized),
): Value {
  const { shape } = weights.tensor
  const { scales } = quantized
  return b.map([stored, scaleOperand(b, scales, weights.axis, shape.length)], (q, s) => dequantized(q!, s!, undefined))
}

/** What one in each element of a bias of integers is: input scale times weight scale, rounded to f32. */
export const biasUnits = ({ shape }: Tensor, inputScale: number, { scales }: QuantizedWeights): Tensor =>
  tensorOf(
    'f32',
    shape,
    Array.from({ length: elementCount(shape) }, (_, i) => inputScale * (scales.length === 1 ? scales[0]! : scales[i]!)),
  )

/** A bias as integers of these units. */
export function integerBias(bias: Tensor, units: Tensor): Tensor {
  const [values, each] = [bias.data as Float32Array, units.data as Float32Array]
  return tensorOf(
    'i32',
    bias.shape,
    Array.from(each, (unit, i) => roundHalfEven(values[i]! / unit)),
  )
}

/** A map that makes numbers of a bias of integers. */
export const biasValue = (b: Builder, stored: Value, units: Tensor): Value =>
  b.map([stored, b.constant(units)], (q, s) => dequantized(q!, s!, undefined))
