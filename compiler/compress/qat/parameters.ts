/** Weights and biases of a quantized layer as functions of parameters that are trained. */
import { Builder } from '../../core/builder.ts'
import { evaluateValues } from '../../core/evaluate.ts'
import * as f from '../../core/scalar/formula.ts'
import { createNode, type Value } from '../../core/graph.ts'
import { roundHalfEven } from '../../core/scalar/half.ts'
import { tensor, tensorOf, toNumbers, type Tensor } from '../../core/tensor.ts'
import type { Parameter } from '../../train/index.ts'
import type { Layer } from '../layers.ts'
import { channelOf, rangeOf, scaleOperand, type QuantizedWeights } from '../weights.ts'
import { roundedWithin } from './integers-as-floats.ts'

/** A parameter, and what the model computes with in its place. */
export interface Trained {
  readonly parameter: Parameter
  /** f32; integers where it is stored as such. */
  readonly value: Value
}

/**
 * What is left of the distance between a weight and its integer when training starts. From where it was, a small step would undo what
 * was rounded with care, and all weights near the middle between two integers would soon be rounded otherwise.
 */
const leftOver = 0.3

/**
 * The share of the way to what it is rounded to by which a step moves a weight. Weights near the middle between two integers would
 * go back and forth between them until the end (Nagel et al. 2022, "Overcoming Oscillations in Quantization-Aware Training", whose
 * dampening this is, apart from the gradient as AdamW's decay is); those that have left the range come back.
 */
const dampening = 1e-3

/** The largest bias in integers that is trained: what the compiler makes of it as a float has the same integer. */
const largestBias = 2 ** 22

function parameterOf(name: string, start: Tensor, decays: boolean, origin: Layer['node']['origin']): Parameter {
  const [value] = createNode('input', [], { name, type: { dtype: 'f32', shape: start.shape } }, origin).results
  return { name, value: value!, start, decays }
}

/**
 * The weights of a layer, which start as the integers that they were rounded to, or near them. A scale stays what it is: so all scales of the graph
 * are constants, as they are when it is compiled.
 */
export function trainedWeights(name: string, layer: Layer, { bits, data, scales }: QuantizedWeights): Trained {
  const { tensor: floats, axis } = layer.weights!
  const channel = channelOf(layer.weights!)
  const [low, high] = rangeOf(bits)
  const start = Float32Array.from(floats.data as Float32Array, (w, i) => {
    const [scale, q] = [scales[channel(i)]!, data[i]!]
    const rest = Math.min(0.5, Math.max(-0.5, w / scale - q))
    return (q + leftOver * rest) * scale
  })
  const parameter = parameterOf(name, tensor('f32', floats.shape, start), true, layer.node.origin)
  const b = new Builder(layer.node.origin)
  const scale = scaleOperand(b, scales, axis, floats.shape.length)
  const value = b.map([parameter.value, scale], (w, s) => roundedWithin(f.div(w!, s!), low, high))
  const towards = b.binary('mul', value, scale)
  return { parameter: { ...parameter, pull: { towards, share: dampening } }, value }
}

/** A bias in integers of `units`, which starts as `stored`; undefined where that is too large. */
export function trainedBias(
  name: string,
  layer: Layer,
  floats: Tensor,
  stored: Tensor,
  units: Tensor,
): Trained | undefined {
  const integers = toNumbers(stored)
  if (integers.some((q) => Math.abs(q) > largestBias / 2)) return undefined
  const steps = units.data as Float32Array
  const start = Float32Array.from(floats.data as Float32Array, (x, i) =>
    roundHalfEven(Math.fround(x / steps[i]!)) === integers[i] ? x : integers[i]! * steps[i]!,
  )
  const parameter = parameterOf(name, tensor('f32', floats.shape, start), false, layer.node.origin)
  const b = new Builder(layer.node.origin)
  const value = b.map([parameter.value, b.constant(units)], (x, s) =>
    roundedWithin(f.div(x, s), -largestBias, largestBias),
  )
  return { parameter, value }
}

/** A bias that stays floats. */
export function trainedFloats(name: string, layer: Layer, start: Tensor): Trained {
  const parameter = parameterOf(name, start, false, layer.node.origin)
  return { parameter, value: parameter.value }
}

/** The integers that a parameter with this value stands for, by the formula that training computes. */
export function integersOf({ parameter, value }: Trained, dtype: 'i8' | 'i32', found: Float32Array): Tensor {
  const own = tensor('f32', parameter.start.shape, found)
  const [integers] = evaluateValues([value], new Map([[parameter.value, own]]))
  return tensorOf(dtype, own.shape, toNumbers(integers!))
}
