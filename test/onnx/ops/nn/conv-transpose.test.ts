import { describe, expect, it } from 'vitest'
import { nodesOf } from '../../../../compiler/core/graph.ts'
import { tensorOf, toNumbers, type Tensor } from '../../../../compiler/core/tensor.ts'
import { importModel } from '../../../../compiler/onnx/import.ts'
import { compileGraph } from '../../../../compiler/pipeline.ts'
import { runModule } from '../../../support/run-graph.ts'
import { feeds, modelOf, runNode, shapesOf, type OneNode } from '../../one-node.ts'

interface Case {
  readonly lengths: readonly number[]
  readonly sizes: readonly number[]
  readonly group?: number
  readonly strides?: readonly number[]
  readonly dilations?: readonly number[]
  readonly pads?: readonly number[]
  readonly output_padding?: readonly number[]
}

const cases: Case[] = [
  { lengths: [4], sizes: [3] },
  { lengths: [5], sizes: [3], group: 2, strides: [2], pads: [1, 2], output_padding: [1] },
  { lengths: [3, 4], sizes: [3, 2], strides: [2, 1], pads: [1, 0, 0, 1] },
  { lengths: [3, 4], sizes: [2, 3], group: 2, dilations: [2, 3], pads: [0, 2, 1, 1] },
  { lengths: [4, 3], sizes: [3, 3], group: 2, strides: [2, 2], dilations: [2, 1], output_padding: [1, 0] },
  { lengths: [3, 2], sizes: [2, 2], strides: [3, 2] },
  { lengths: [2, 3, 2], sizes: [2, 2, 3], group: 2, strides: [2, 1, 2], pads: [0, 1, 1, 1, 0, 0] },
]

const batch = 2
const each = { inputs: 3, outputs: 2 }

/** All positions of an array of this shape, in row-major order. */
const positions = (shape: readonly number[]): number[][] =>
  shape.reduce<number[][]>((all, length) => all.flatMap((at) => Array.from({ length }, (_, i) => [...at, i])), [[]])

const flat = (shape: readonly number[], at: readonly number[]): number =>
  shape.reduce((sum, length, i) => sum * length + at[i]!, 0)

/** Small whole numbers, whose sums are exact, with `special` ones strewn in. */
const mixed = (shape: readonly number[], special: readonly number[] = []): Tensor => {
  const count = shape.reduce((a, b) => a * b, 1)
  const values = Array.from({ length: count }, (_, i) => ((i * 7) % 9) - 4)
  special.forEach((value, k) => (values[Math.floor(((k + 0.6) * count) / special.length)] = value))
  return tensorOf('f32', shape, values)
}

/** x [batch, channel, …], w [channel, output of the group, …] and a bias. */
const operands = ({ lengths, sizes, group = 1 }: Case, inX: readonly number[], inW: readonly number[]): Tensor[] => [
  mixed([batch, group * each.inputs, ...lengths], inX),
  mixed([group * each.inputs, each.outputs, ...sizes], inW),
  mixed([group * each.outputs]),
]

/** Every element of the input times every tap goes to its place; what is cut off is left out. */
function direct(given: Case, [x, w, bias]: readonly Tensor[]): number[] {
  const { lengths, sizes, group = 1 } = given
  const { strides = lengths.map(() => 1), dilations = lengths.map(() => 1) } = given
  const { pads = lengths.flatMap(() => [0, 0]), output_padding = lengths.map(() => 0) } = given
  const rank = lengths.length
  const out = lengths.map(
    (n, i) =>
      strides[i]! * (n - 1) + output_padding[i]! + (sizes[i]! - 1) * dilations[i]! + 1 - pads[i]! - pads[i + rank]!,
  )
  const shape = [batch, group * each.outputs, ...out]
  const sums = positions(shape).map(([, channel]) => toNumbers(bias!)[channel!]!)
  const [xs, ws] = [toNumbers(x!), toNumbers(w!)]
  for (const [n, channel, ...from] of positions(x!.shape)) {
    for (const [output, ...tap] of positions(w!.shape.slice(1))) {
      const to = from.map((p, i) => p * strides[i]! + tap[i]! * dilations[i]! - pads[i]!)
      if (to.some((t, i) => t < 0 || t >= out[i]!)) continue
      const target = Math.floor(channel! / each.inputs) * each.outputs + output!
      sums[flat(shape, [n!, target, ...to])]! +=
        xs[flat(x!.shape, [n!, channel!, ...from])]! * ws[flat(w!.shape, [channel!, output!, ...tap])]!
    }
  }
  return sums
}

const nodeOf = (
  { lengths: _, sizes: __, ...attributes }: Case,
  inputs: readonly Tensor[],
  constant: number[],
): OneNode => ({
  operator: 'ConvTranspose',
  inputs,
  constant,
  attributes: { ...attributes },
})

/** NaN equals NaN, and −0 is 0. */
const plain = (t: Tensor): number[] => toNumbers(t).map((v) => v + 0)

async function compiled(node: OneNode): Promise<number[]> {
  const { graph } = importModel(modelOf(node), { shapes: shapesOf(node) })
  const { modules, spec } = await compileGraph(graph, { targets: ['simd'] })
  return plain(runModule(modules.simd!, spec, feeds(node)).o0!)
}

const opsOf = (node: OneNode): string[] =>
  nodesOf(importModel(modelOf(node), { shapes: shapesOf(node) }).graph).map(({ op }) => op)

describe.each(cases)('ConvTranspose %j', (given) => {
  const special = [Infinity, -Infinity, NaN]

  it.each([
    ['finite weights', [], []],
    ['∞ in the weights', [], [Infinity]],
    ['−∞ in the weights', [], [-Infinity]],
    ['NaN in the weights', [], [NaN]],
    ['all of them in the weights', [], special],
    ['∞ in the input', [Infinity], []],
    ['all of them in both', special, special],
  ])('of run-time weights is what the definition says: %s', async (_, inX, inW) => {
    const inputs = operands(given, inX, inW)
    const expected = direct(given, inputs)
    const node = nodeOf(given, inputs, [])
    expect(plain(runNode(node)[0]!)).toEqual(expected)
    expect(await compiled(node)).toEqual(expected)
  })

  it('of constant weights that are not finite is what the definition says', async () => {
    for (const value of special) {
      const inputs = operands(given, [], [value])
      const expected = direct(given, inputs)
      const node = nodeOf(given, inputs, [1, 2])
      expect(plain(runNode(node)[0]!)).toEqual(expected)
      expect(await compiled(node)).toEqual(expected)
    }
  })

  it('of finite constant weights is a convolution', async () => {
    const inputs = operands(given, [], [])
    const node = nodeOf(given, inputs, [1])
    expect(opsOf(node)).toContain('convolution')
    expect(opsOf(node)).not.toContain('dot_general')
    expect(await compiled(node)).toEqual(direct(given, inputs))
  })
})

it('whose pads cut all off gives an empty tensor', async () => {
  const given = { lengths: [1, 2], sizes: [2, 2], pads: [1, 0, 1, 0] }
  const node = nodeOf(given, operands(given, [], []), [])
  expect(plain(runNode(node)[0]!)).toEqual([])
  expect(await compiled(node)).toEqual([])
})

it('of run-time weights takes no table as long as its products', async () => {
  const given = { lengths: [32, 32], sizes: [4, 4], strides: [2, 2], pads: [1, 1, 1, 1] }
  const node = nodeOf(given, operands(given, [], []), [])
  const { graph } = importModel(modelOf(node), { shapes: shapesOf(node) })
  const { modules } = await compileGraph(graph, { targets: ['simd'] })
  // 32 · 32 places of 4 · 4 taps.
  expect(modules.simd!.length).toBeLessThan(32 * 32 * 4 * 4)
})

it.each([[[1]], [[]]])('of an empty input is the bias, constant operands: %j', async (constant) => {
  const given = { lengths: [0], sizes: [4], strides: [2], output_padding: [1] }
  const inputs = operands(given, [], [])
  const node = nodeOf(given, inputs, constant)
  const expected = direct(given, inputs)
  expect(expected.length).toBeGreaterThan(0)
  expect(plain(runNode(node)[0]!)).toEqual(expected)
  expect(await compiled(node)).toEqual(expected)
})
