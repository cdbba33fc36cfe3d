import type { onnx as types } from 'onnx-proto'
import { elementCount } from '../../compiler/core/shape.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { model, node, stored } from '../onnx/build.ts'
import type { Random } from '../support/random.ts'

/** What stands between layers: u8 of [0, 6] behind relu6, of [-6, 6] elsewhere. */
const ranges = { clipped: { scale: 6 / 255, zero: 0 }, linear: { scale: 12 / 255, zero: 128 } }
type Range = keyof typeof ranges

interface Value {
  readonly name: string
  readonly channels: number
  readonly range: Range
}

/** A network in QDQ format, layer by layer. */
class Network {
  private readonly nodes: (string | types.INodeProto)[] = []
  private readonly initializers: types.ITensorProto[] = []
  private readonly random: Random
  private count = 0

  constructor(random: Random) {
    this.random = random
    for (const [name, { scale, zero }] of Object.entries(ranges)) {
      this.initializers.push(stored(`${name}_scale`, tensorOf('f32', [], [scale])))
      this.initializers.push(stored(`${name}_zero`, tensorOf('u8', [], [zero])))
    }
    this.initializers.push(stored('low', tensorOf('f32', [], [0])), stored('high', tensorOf('f32', [], [6])))
  }

  /** Weights that keep the variance of what comes in, one scale for each output channel. */
  convolution(x: Value, outputs: number, kernel: number, stride: number, range: Range, groups = 1): Value {
    const at = this.count++
    const shape = [outputs, x.channels / groups, kernel, kernel]
    const fan = (x.channels / groups) * kernel * kernel
    const scales = Array.from({ length: outputs }, () => ((0.7 + this.random.float()) * Math.sqrt(4.5 / fan)) / 127)
    const inputScale = ranges[x.range].scale
    const weights = Array.from({ length: elementCount(shape) }, () => this.random.int(255) - 127)
    const biases = scales.map((scale) => Math.round((this.random.float() - 0.3) / (scale * inputScale)))
    this.initializers.push(
      stored(`w${at}`, tensorOf('i8', shape, weights)),
      stored(`ws${at}`, tensorOf('f32', [outputs], scales)),
      stored(`wz${at}`, tensorOf('i8', [outputs], new Array<number>(outputs).fill(0))),
      stored(`b${at}`, tensorOf('i32', [outputs], biases)),
      stored(
        `bs${at}`,
        tensorOf(
          'f32',
          [outputs],
          scales.map((scale) => scale * inputScale),
        ),
      ),
      stored(`bz${at}`, tensorOf('i32', [outputs], new Array<number>(outputs).fill(0))),
    )
    const pad = kernel >> 1
    const attributes = {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [pad, pad, pad, pad],
      group: groups,
    }
    this.nodes.push(
      node(`wd${at} = DequantizeLinear(w${at}, ws${at}, wz${at})`, { attributes: { axis: 0 } }),
      node(`bd${at} = DequantizeLinear(b${at}, bs${at}, bz${at})`, { attributes: { axis: 0 } }),
      node(`c${at} = Conv(${x.name}, wd${at}, bd${at})`, { attributes }),
    )
    if (range === 'clipped') this.nodes.push(`r${at} = Clip(c${at}, low, high)`)
    return this.quantized(range === 'clipped' ? `r${at}` : `c${at}`, outputs, range)
  }

  sum(a: Value, b: Value): Value {
    const at = this.count++
    this.nodes.push(`s${at} = Add(${a.name}, ${b.name})`)
    return this.quantized(`s${at}`, a.channels, 'linear')
  }

  pooled(x: Value): Value {
    const at = this.count++
    this.nodes.push(`p${at} = GlobalAveragePool(${x.name})`)
    return this.quantized(`p${at}`, x.channels, 'clipped')
  }

  input(): Value {
    return this.quantized('x', 3, 'linear')
  }

  model(size: number, y: Value): Uint8Array {
    const { nodes, initializers } = this
    const inputs = [`x f32[1,3,${size},${size}]`]
    return model({ inputs, outputs: [`${y.name} f32[1,${y.channels},?,?]`], nodes, initializers })
  }

  /** Quantize, then dequantize. */
  private quantized(name: string, channels: number, range: Range): Value {
    const to = `q${this.count++}`
    const numbers = `${range}_scale, ${range}_zero`
    this.nodes.push(`${to} = QuantizeLinear(${name}, ${numbers})`, `${to}d = DequantizeLinear(${to}, ${numbers})`)
    return { name: `${to}d`, channels, range }
  }
}

/** Blocks as MobileNetV1's: depthwise, pointwise. */
export function mobileNetV1(random: Random, size: number): Uint8Array {
  const n = new Network(random)
  let x = n.convolution(n.input(), 8, 3, 2, 'clipped')
  for (const [outputs, stride] of [
    [16, 1],
    [32, 2],
    [32, 1],
    [64, 2],
    [64, 1],
  ] as const) {
    x = n.convolution(x, x.channels, 3, stride, 'clipped', x.channels)
    x = n.convolution(x, outputs, 1, 1, 'clipped')
  }
  return n.model(size, n.convolution(n.pooled(x), 20, 1, 1, 'linear'))
}

/** Blocks as MobileNetV2's: expanded, depthwise, narrow again, and added to what they began with. */
export function mobileNetV2(random: Random, size: number): Uint8Array {
  const n = new Network(random)
  let x = n.convolution(n.input(), 16, 3, 2, 'clipped')
  x = n.convolution(x, 8, 1, 1, 'linear')
  for (const [outputs, stride] of [
    [12, 2],
    [12, 1],
    [16, 2],
    [16, 1],
    [16, 1],
  ] as const) {
    const expanded = n.convolution(x, x.channels * 6, 1, 1, 'clipped')
    const spatial = n.convolution(expanded, expanded.channels, 3, stride, 'clipped', expanded.channels)
    const narrow = n.convolution(spatial, outputs, 1, 1, 'linear')
    x = stride === 1 && outputs === x.channels ? n.sum(x, narrow) : narrow
  }
  x = n.convolution(x, 64, 1, 1, 'clipped')
  return n.model(size, n.convolution(n.pooled(x), 20, 1, 1, 'linear'))
}

/** One step of what both give. */
export const outputStep = ranges.linear.scale
