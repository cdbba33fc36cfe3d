import { Builder } from '../../compiler/core/builder.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import type { Graph, Value } from '../../compiler/core/graph.ts'
import { tensorOf, toNumbers, type Tensor } from '../../compiler/core/tensor.ts'
import { compiledExecutor } from '../../compiler/execute.ts'
import { loadDigits } from '../../examples/digits/data.ts'
import { nchw, oihw } from '../golden/change.ts'
import { Random } from '../support/random.ts'
import { graphOf, inputOf } from '../support/run-graph.ts'

export const b = new Builder({ node: 'layer', operator: 'Conv', opset: 17 })
export const named = (node: string, operator = 'Conv'): Builder => new Builder({ node, operator, opset: 17 })

export const constant = (shape: readonly number[], values: Iterable<number>): Value =>
  b.constant(tensorOf('f32', shape, values))

const window = (size: number, stride = 1, pad = 0) =>
  ({ size, stride, dilation: 1, low: pad, high: pad, baseDilation: 1 }) as const

/** A convolution of NCHW by OIHW weights, with a bias, rectified unless `linear`; square kernels. */
export function convolve(
  builder: Builder,
  x: Value,
  weights: Value,
  bias: readonly number[],
  { stride = 1, pad = 0, groups = 1, linear = false } = {},
): Value {
  const size = weights.type.shape[2]!
  const w = [window(size, stride, pad), window(size, stride, pad)]
  const y = builder.convolution(x, weights, { lhs: nchw, rhs: oihw, out: nchw, window: w, groups })
  const added = builder.constant(tensorOf('f32', [bias.length, 1, 1], bias))
  return builder.map([y, added], (e, c) => (linear ? f.add(e!, c!) : f.max(f.add(e!, c!), 0)))
}

export const maxPool = (x: Value, size: number): Value =>
  b.reduceWindow('max', x, [window(1), window(1), window(size, size), window(size, size)])

export const randomValues = (random: Random, count: number, scale = 1): number[] =>
  Array.from({ length: count }, () => (random.float() - 0.5) * 2 * scale)

export interface DigitsCase {
  readonly graph: Graph
  /** Images, interleaved by class. */
  readonly samples: readonly { x: Tensor }[]
  readonly labels: readonly number[][]
}

/**
 * A classifier of handwritten digits that needs no training loop: a random convolution, rectified and pooled, and the
 * linear discriminant to the classes' means over `fitted` images. It reads three of four digits right.
 */
export async function digitsNetwork(count: number, fitted: number): Promise<DigitsCase> {
  const digits = loadDigits()
  const order = interleaved(digits.labels)
  const image = (i: number): Tensor =>
    tensorOf(
      'f32',
      [1, 1, 28, 28],
      Array.from(digits.images.subarray(i * 784, i * 784 + 784), (p) => p / 255),
    )
  const random = new Random(7)
  const x = inputOf('x', 'f32', [1, 1, 28, 28])
  const filters = constant([8, 1, 5, 5], randomValues(random, 8 * 25, 0.5))
  const conv = convolve(named('conv'), x, filters, randomValues(random, 8, 0.2), { stride: 2, pad: 2 })
  const features = b.reshape(maxPool(conv, 2), [1, 8 * 49])
  const extract = await compiledExecutor.prepare(graphOf([x], [features]))
  const means = Array.from({ length: 10 }, () => new Array<number>(8 * 49).fill(0))
  const each = fitted / 10
  for (const i of order.slice(0, fitted)) {
    const values = toNumbers(extract({ x: image(i) }).y0!)
    values.forEach((v, k) => (means[digits.labels[i]!]![k]! += v / each))
  }
  const weights = constant(
    [8 * 49, 10],
    Array.from({ length: 8 * 49 * 10 }, (_, i) => means[i % 10]![Math.floor(i / 10)]!),
  )
  const offsets = means.map((m) => -m.reduce((sum, v) => sum + v * v, 0) / 2)
  const builder = named('classes', 'Gemm')
  const product = builder.dotGeneral(features, weights, {
    lhsBatch: [],
    rhsBatch: [],
    lhsContract: [1],
    rhsContract: [0],
  })
  const scores = builder.binary('add', product, constant([10], offsets))
  const rest = order.slice(fitted, fitted + count)
  return {
    graph: graphOf([x], [scores]),
    samples: rest.map((i) => ({ x: image(i) })),
    labels: rest.map((i) => [digits.labels[i]!]),
  }
}

/** Row numbers that take the classes in turns. */
function interleaved(labels: Uint8Array): number[] {
  const rows = Array.from({ length: 10 }, (_, label) => [...labels.keys()].filter((i) => labels[i] === label))
  return rows[0]!.flatMap((_, i) => rows.map((list) => list[i]!)).filter((i) => i !== undefined)
}
