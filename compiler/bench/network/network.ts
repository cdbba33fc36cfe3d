import type { Shape } from '../../core/shape.ts'
import type { Grid } from './fake-quantization.ts'

/** What a layer computes; each is one operator of TensorFlow Lite and one of TensorFlow.js. */
export type LayerOp =
  | 'conv2d'
  | 'depthwiseConv2d'
  | 'dense'
  | 'averagePool'
  | 'maxPool'
  | BinaryLayer
  | UnaryLayer
  | 'softmax'
  | 'mean'
  | 'max'
  | 'reshape'
  | 'transpose'
  | 'pad'
  | 'concat'
  | 'slice'
  /** To integers of 8 bits, also of such on another grid; and back. */
  | 'quantize'
  | 'dequantize'

export type BinaryLayer = 'add' | 'sub' | 'mul' | 'div' | 'maximum' | 'minimum'
export type UnaryLayer = 'relu' | 'relu6' | 'sigmoid' | 'hardSwish' | 'tanh' | 'exp' | 'log' | 'sqrt' | 'abs' | 'neg'

export type Activation = 'none' | 'relu' | 'relu6'

/** Parameters of a layer; those that its op has. Pairs are height, width. */
export interface LayerAttributes {
  /** TensorFlow's: `same` gives ceil(size / stride) positions with the odd element of padding at the end. */
  readonly padding?: 'same' | 'valid'
  readonly strides?: readonly number[]
  readonly dilations?: readonly number[]
  /** Of a pool. */
  readonly size?: readonly number[]
  /** Of a reduction, whose axes vanish. */
  readonly axes?: readonly number[]
  readonly axis?: number
  readonly perm?: readonly number[]
  /** Of a pad: elements before and after each axis, and what they are. */
  readonly low?: readonly number[]
  readonly high?: readonly number[]
  readonly value?: number
  /** Of a slice: first element, one beyond the last, step. */
  readonly begin?: readonly number[]
  readonly end?: readonly number[]
  readonly step?: readonly number[]
}

/**
 * Operands by op: conv2d and depthwiseConv2d take images (NHWC), the kernel (OHWI; 1HWO for depthwise) and a bias for each
 * output channel; dense takes rows, weights (output, input) and a bias. Binary operands broadcast.
 */
export interface Layer {
  readonly op: LayerOp
  /** Indices of tensors. */
  readonly inputs: readonly number[]
  readonly output: number
  /** Applied to the result of conv2d, depthwiseConv2d, dense, and arithmetic. */
  readonly activation: Activation
  readonly attributes: LayerAttributes
}

export interface NetworkTensor {
  readonly shape: Shape
  /** Of a constant, row-major. */
  readonly data?: Float32Array
  /** Of constant weights that are stored so: (q − zero) · scale, with a scale for each output channel. */
  readonly integers?: { readonly data: Int8Array; readonly scales: readonly number[]; readonly zero: number }
  /** What is rounded to integers; `integers.ts` makes layers of integers of that. */
  readonly grid?: Grid
  /** f32 unless given. */
  readonly stored?: StoredIntegers
}

/** Integers that stand for (q − zero) · scale, of i32 without zero; with several scales they are along `axis`. */
export interface StoredIntegers {
  readonly dtype: 'i8' | 'u8' | 'i32'
  readonly scales: readonly number[]
  readonly zero: number
  readonly axis: number
  /** Of a constant. */
  readonly data?: Int8Array | Uint8Array | Int32Array
}

export interface NetworkPort {
  readonly name: string
  readonly tensor: number
}

/** A model of f32 layers that image-classification runtimes have in common; layers are in an order that can be run. */
export interface Network {
  readonly tensors: readonly NetworkTensor[]
  readonly layers: readonly Layer[]
  readonly inputs: readonly NetworkPort[]
  readonly outputs: readonly NetworkPort[]
}

export const foldable: readonly LayerOp[] = ['conv2d', 'depthwiseConv2d', 'dense']
export const activated: readonly LayerOp[] = [...foldable, 'add', 'sub', 'mul', 'div']
