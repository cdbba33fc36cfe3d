import { describe, expect, it } from 'vitest'
import { observe } from '../../compiler/compress/calibrate.ts'
import { layersOf } from '../../compiler/compress/layers.ts'
import { planOf } from '../../compiler/compress/plan.ts'
import { chooseRange } from '../../compiler/compress/range.ts'
import { rewrite } from '../../compiler/compress/rewrite.ts'
import { evaluator } from '../../compiler/core/executor.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import type { Graph, Value } from '../../compiler/core/graph.ts'
import { printGraph } from '../../compiler/core/print.ts'
import { verify } from '../../compiler/core/verify.ts'
import { nchw, oihw } from '../golden/change.ts'
import { Random } from '../support/random.ts'
import { graphOf, inputOf, randomTensor } from '../support/run-graph.ts'
import { b, constant, convolve, maxPool, named, randomValues } from './networks.ts'

const random = new Random(3)
const weights = (...shape: number[]): Value =>
  constant(
    shape,
    randomValues(
      random,
      shape.reduce((n, d) => n * d, 1),
    ),
  )
const conv = (name: string, x: Value, channels: number): Value =>
  convolve(named(name), x, weights(channels, x.type.shape[1]!, 3, 3), randomValues(random, channels), { pad: 1 })

async function quantizeAll(graph: Graph) {
  const plan = planOf(graph, layersOf(graph))
  const sample = () =>
    Object.fromEntries(graph.inputs.map(({ name, value }) => [name, randomTensor(random, 'f32', value.type.shape)]))
  const sources = [...plan.stored.keys()].filter((v) => !plan.moved.has(v))
  const seen = await observe(graph, sources, [sample(), sample()], evaluator, 1, () => {})
  const roots = [...new Set(sources.map((v) => plan.stored.get(v)!))]
  const group = (root: Value): Value[] => sources.filter((v) => plan.stored.get(v) === root)
  const parameters = new Map(roots.map((root) => [root, chooseRange(group(root).map((v) => seen.get(v)!))]))
  const quantized = rewrite(graph, plan, { parameters })
  verify(quantized)
  return { plan, parameters, text: printGraph(quantized) }
}

const count = (text: string, pattern: RegExp): number => [...text.matchAll(pattern)].length

const unit = { size: 1, stride: 1, dilation: 1, low: 0, high: 0, baseDilation: 1 }
const pointwise = { lhs: nchw, rhs: oihw, out: nchw, window: [unit, unit], groups: 1 }

describe('the plan', () => {
  const x = inputOf('x', 'f32', [1, 2, 6, 6])

  it('stores what a layer reads, after its clamp, and not what the model gives', () => {
    const y = conv('one', x, 3)
    const z = conv('two', y, 2)
    const plan = planOf(graphOf([x], [z]), layersOf(graphOf([x], [z])))
    expect(new Set(plan.stored.keys())).toEqual(new Set([x, y]))
  })

  it('reads both sides of an addition as integers', () => {
    const stem = conv('stem', x, 2)
    const branch = b.convolution(stem, weights(2, 2, 1, 1), pointwise)
    const sum = b.map([branch, stem], (e, r) => f.max(f.add(e!, r!), 0))
    const graph = graphOf([x], [conv('last', sum, 2)])
    const plan = planOf(graph, layersOf(graph))
    expect(new Set(plan.stored.keys())).toEqual(new Set([x, stem, sum]))
    // The branch's own result is an epilogue's input: it stays as it is accumulated.
    expect([0, 1].map((i) => plan.reads(sum.node, i))).toEqual([false, true])
  })

  it('keeps one scale through pooling, reshaping and concatenation', async () => {
    const [left, right] = [conv('left', x, 2), conv('right', x, 2)]
    const joined = b.concatenate([maxPool(left, 2), maxPool(right, 2)], 1)
    const graph = graphOf([x], [conv('last', joined, 2)])
    const { plan, parameters, text } = await quantizeAll(graph)
    expect(plan.moved.size).toBe(3)
    expect(parameters.size).toBe(2)
    expect(text).toMatch(/concatenate u8\[1,4,3,3\]/)
    expect(count(text, /reduce_window u8/g)).toBe(2)
    // The input once, and the two branches.
    expect(count(text, /round\(/g)).toBe(3)
  })

  it('pads with the zero point', async () => {
    const y = conv('one', x, 2)
    const padded = b.pad(y, b.scalar(0, 'f32'), [0, 0, 1, 1], [0, 0, 1, 1])
    const { text } = await quantizeAll(graphOf([x], [conv('two', padded, 2)]))
    expect(text).toMatch(/constant u8\[\]: \{0\}[^]*pad u8\[1,2,8,8\]/)
  })

  it('leaves a normalization in floats, but for what layers read', () => {
    const flat = inputOf('x', 'f32', [4, 8])
    const mean = b.mean(flat, [1], true)
    const centred = b.binary('sub', flat, mean)
    const variance = b.mean(b.binary('mul', centred, centred), [1], true)
    const normal = b.map([centred, variance], (e, v) => f.div(e!, f.sqrt(f.add(v!, 1e-5))))
    const contract = { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] }
    const graph = graphOf([flat], [b.dotGeneral(normal, weights(8, 3), contract)])
    expect([...planOf(graph, layersOf(graph)).stored.keys()]).toEqual([normal])
  })

  it('leaves what is not finite in floats', () => {
    const y = conv('one', x, 2)
    const graph = graphOf([x], [conv('two', y, 2)])
    expect([...planOf(graph, layersOf(graph), new Set([y])).stored.keys()]).toEqual([x])
  })
})

describe('the quantized graph', () => {
  const x = inputOf('x', 'f32', [1, 2, 4, 4])

  it('has weights per channel in −127 … 127 and biases in i32 at the product of the scales', async () => {
    const w = constant([2, 2, 1, 1], [1, -0.5, 0.0108, 0.0217])
    const y = convolve(named('one'), x, w, [0.5, -0.25])
    const { text, parameters } = await quantizeAll(graphOf([x], [y]))
    expect(text).toMatch(/constant i8\[2,2,1,1\]: \{127, -64, 63, 127\}/)
    const { scale } = parameters.get(x)!
    const [, first, second] = /constant i32\[2,1,1\]: \{(-?\d+), (-?\d+)\}/.exec(text)!
    expect(Number(first) * scale * (1 / 127)).toBeCloseTo(0.5, 2)
    expect(Number(second) * scale * (0.0217 / 127)).toBeCloseTo(-0.25, 4)
  })

  it('keeps the grid of weights that were trained for integers', async () => {
    const step = 0.0123
    const integers = [100, -3, 1, 2, 5, -7, 0, 8]
    const w = constant(
      [1, 2, 2, 2],
      integers.map((q) => q * step),
    )
    const { text } = await quantizeAll(graphOf([x], [convolve(named('one'), x, w, [0])]))
    expect(text).toMatch(/constant i8\[1,2,2,2\]: \{100, -3, 1, 2, 5, -7, 0, 8\}/)
  })
})
