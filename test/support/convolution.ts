import { allocate } from '../../compiler/core/scalar/dtype.ts'
import { Builder } from '../../compiler/core/builder.ts'
import { convert } from '../../compiler/core/scalar/expr.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import type { Value } from '../../compiler/core/graph.ts'
import type { ConvolutionAttrs } from '../../compiler/core/ops/convolution.ts'
import { trivialWindow, type WindowAxis } from '../../compiler/core/ops/window.ts'
import { saturated } from '../../compiler/core/scalar/quantization.ts'
import { elementCount } from '../../compiler/core/shape.ts'
import type { Tensor } from '../../compiler/core/tensor.ts'
import { channelsLastAxes } from '../../compiler/passes/channels-last.ts'
import type { Random } from './random.ts'

const b = new Builder(undefined)

export type Byte = 'i8' | 'u8'

/** All 8-bit values, the extremes among them. */
export function bytes(random: Random, dtype: Byte, shape: readonly number[]): Tensor {
  const data = allocate(dtype, elementCount(shape))
  const low = dtype === 'i8' ? -128 : 0
  const extremes = [low, low + 255]
  for (let i = 0; i < data.length; i++) data[i] = i % 5 === 0 ? extremes[random.int(2)]! : low + random.int(256)
  return { dtype, shape, data }
}

/** A channels-last convolution. */
export interface Form {
  readonly x: readonly number[]
  /** Kernel rows and columns; one number for one spatial axis. */
  readonly kernel: readonly number[]
  readonly outputs: number
  readonly groups?: number
  readonly stride?: number
  readonly dilation?: number
  readonly pad?: number
}

/** [output][input of a group][taps…] */
export const weightShape = ({ x, kernel, outputs, groups = 1 }: Form): number[] => [
  outputs,
  x.at(-1)! / groups,
  ...kernel,
]

/** `weights` have the shape that `weightShape` says. */
export function convolutionOf(x: Value, form: Form, padValue: number, weights: Value): Value {
  const { kernel, groups = 1, stride = 1, dilation = 1, pad = 0 } = form
  const axes = channelsLastAxes(kernel.length)
  const spatial = kernel.map((_, i) => i + 2)
  const window = kernel.map((size): WindowAxis => ({ ...trivialWindow, size, stride, dilation, low: pad, high: pad }))
  const rhs = { output: 0, input: 1, spatial }
  const attrs: ConvolutionAttrs = { lhs: axes, rhs, out: axes, window, groups, ...(pad > 0 && { padValue }) }
  return b.convolution(x, weights, attrs)
}

/** round((sum + bias) · multiplier) + zero, as a pass brings quantized products to. */
export function requantized(random: Random, sum: Value, channels: number, dtype: Byte, zero: number): Value {
  const along = [...sum.type.shape.slice(0, -1).map(() => 1), channels]
  const biases = Int32Array.from({ length: channels }, () => random.int(10000) - 5000)
  const multipliers = Float32Array.from({ length: channels }, () => (0.5 + random.float()) * 1e-3)
  const operands = [
    sum,
    b.constant({ dtype: 'i32', shape: along, data: biases }),
    b.constant({ dtype: 'f32', shape: along, data: multipliers }),
    b.scalar(zero, dtype),
  ]
  return b.map(operands, (s, o, m, z) => saturated(f.mul(convert(f.add(s!, o!), 'f32'), m!), z, dtype))
}
