import type { Builder } from 'flatbuffers'
import type { Activation, Layer, LayerAttributes, LayerOp, NetworkTensor } from './network.ts'

/** Numbers of operators and enumerations in TensorFlow Lite's schema, version 3. */
export const builtinOperators: Readonly<Record<LayerOp, number>> = {
  add: 0,
  averagePool: 1,
  concat: 2,
  conv2d: 3,
  depthwiseConv2d: 4,
  dense: 9,
  sigmoid: 14,
  maxPool: 17,
  mul: 18,
  relu: 19,
  relu6: 21,
  reshape: 22,
  softmax: 25,
  tanh: 28,
  pad: 60, // PADV2, which takes the value
  transpose: 39,
  mean: 40,
  sub: 41,
  div: 42,
  slice: 45, // STRIDED_SLICE
  exp: 47,
  maximum: 55,
  minimum: 57,
  neg: 59,
  log: 73,
  sqrt: 75,
  max: 82, // REDUCE_MAX
  abs: 101,
  hardSwish: 117,
  quantize: 114,
  dequantize: 6,
}
const activations: Readonly<Record<Activation, number>> = { none: 0, relu: 1, relu6: 3 }
const paddings = { same: 0, valid: 1 }

/** Operators that came in a later form of another: PAD knows zeros only. */
export const zeroPad = 34

export const tensorTypes = { f32: 0, i32: 2, u8: 3, i8: 9 }

/** A layer's options: their number in the union `BuiltinOptions`, their fields in order, and which are bytes. */
interface Options {
  readonly type: number
  readonly bytes: readonly number[]
  readonly fields: readonly number[]
}

/** Null where an operator has no options that matter. */
function optionsOf(
  { op, activation, attributes: a, inputs }: Layer,
  tensors: readonly NetworkTensor[],
): Options | null {
  const activate = activations[activation]
  const padding = paddings[a.padding ?? 'valid']
  const [height = 1, width = 1] = a.strides ?? []
  const [tall = 1, wide = 1] = a.dilations ?? []
  switch (op) {
    case 'conv2d':
      return { type: 1, bytes: [0, 3], fields: [padding, width, height, activate, wide, tall] }
    case 'depthwiseConv2d': {
      const multiplier = tensors[inputs[1]!]!.shape[3]! / tensors[inputs[0]!]!.shape[3]!
      return { type: 2, bytes: [0, 4], fields: [padding, width, height, multiplier, activate, wide, tall] }
    }
    case 'averagePool':
    case 'maxPool':
      return { type: 5, bytes: [0, 5], fields: [padding, width, height, a.size![1]!, a.size![0]!, activate] }
    case 'dense':
      return { type: 8, bytes: [0], fields: [activate] }
    case 'concat':
      return { type: 10, bytes: [1], fields: [a.axis!, activate] }
    case 'add':
      return { type: 11, bytes: [0], fields: [activate] }
    case 'mul':
      return { type: 21, bytes: [0], fields: [activate] }
    case 'sub':
      return { type: 28, bytes: [0], fields: [activate] }
    case 'div':
      return { type: 29, bytes: [0], fields: [activate] }
    case 'mean':
    case 'max':
      return { type: 27, bytes: [0], fields: [0] }
    case 'slice':
      return { type: 32, bytes: [], fields: [0, 0, 0, 0, 0] }
    default:
      return null
  }
}

/** Writes a layer's options; their type in the union and where they stand. */
export function writeOptions(b: Builder, layer: Layer, tensors: readonly NetworkTensor[]): [type: number, at: number] {
  if (layer.op === 'softmax') {
    b.startObject(1)
    b.addFieldFloat32(0, 1, 0) // beta
    return [9, b.endObject()]
  }
  const options = optionsOf(layer, tensors)
  if (!options) return [0, 0]
  b.startObject(options.fields.length)
  options.fields.forEach((value, i) => {
    // No default is given, so that every field is written.
    if (options.bytes.includes(i)) b.addFieldInt8(i, value, NaN)
    else b.addFieldInt32(i, value, NaN)
  })
  return [options.type, b.endObject()]
}

/** Attributes that TensorFlow Lite takes as operands: vectors of i32, in order. */
export function operandAttributes(op: LayerOp, a: LayerAttributes, output: NetworkTensor): (readonly number[])[] {
  switch (op) {
    case 'reshape':
      return [output.shape]
    case 'transpose':
      return [a.perm!]
    case 'mean':
    case 'max':
      return [a.axes!]
    case 'pad':
      return [a.low!.flatMap((low, i) => [low, a.high![i]!])]
    case 'slice':
      return [a.begin!, a.end!, a.step!]
    default:
      return []
  }
}
