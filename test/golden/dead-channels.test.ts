import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { convert } from '../../compiler/core/scalar/expr.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import { applyPatch, nodesOf, type Graph, type Value } from '../../compiler/core/graph.ts'
import { trivialWindow } from '../../compiler/core/ops/window.ts'
import { outputAxisOf } from '../../compiler/core/analysis/relation.ts'
import { elementCount, rowMajorStrides } from '../../compiler/core/shape.ts'
import { tensorOf, toNumbers } from '../../compiler/core/tensor.ts'
import { verify } from '../../compiler/core/verify.ts'
import { deadChannels } from '../../compiler/passes/channels/dead-channels.ts'
import { removedChannels } from '../../compiler/passes/channels/removed-channels.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { randomGraph } from '../fuzz/random-graph.ts'
import { smallTensor } from '../fuzz/value-pool.ts'
import { Random } from '../support/random.ts'
import { expectClose, graphOf, inputOf } from '../support/run-graph.ts'
import { change, f32, keeps, nchw, oihw } from './change.ts'

const b = new Builder({ node: 'layer', operator: 'Test', opset: 1 })
const pass = (graph: Graph): Graph => deadChannels(graph, 1)
const one = trivialWindow
const three = { ...one, size: 3, low: 1, high: 1 }
const counting = (shape: readonly number[]): number[] =>
  Array.from({ length: elementCount(shape) }, (_, i) => (i % 5) + 1)

/** A convolution whose weights are `zeros` where that says so of (output, input), else small integers. */
function conv(x: Value, outputs: number, size: 1 | 3, zero: (o: number, i: number) => boolean, groups = 1): Value {
  const inputs = x.type.shape[1]! / groups
  const shape = [outputs, inputs, size, size]
  const taps = size * size
  const values = counting(shape).map((v, k) =>
    zero(Math.floor(k / (inputs * taps)), Math.floor(k / taps) % inputs) ? 0 : v,
  )
  const window = size === 1 ? [one, one] : [three, three]
  return b.convolution(x, f32(shape, values), { lhs: nchw, rhs: oihw, out: nchw, window, groups })
}

const biased = (x: Value, ...bias: number[]): Value =>
  b.map([x, f32([1, bias.length, 1, 1], bias)], (e, c) => f.max(f.add(e!, c!), 0))
const never = (): boolean => false
const image = (): Value => inputOf('x', 'f32', [1, 2, 4, 4])

/** Shapes of the values that a pass leaves, constants aside, by op. */
const shapes = (inputs: readonly Value[], outputs: readonly Value[]): string[] =>
  nodesOf(pass(graphOf(inputs, outputs)))
    .filter(({ op }) => op !== 'constant' && op !== 'input')
    .map(({ op, results }) => `${op} ${results[0]!.type.shape.join('x')}`)

/** The pass on a graph whose results it may not change, and what it leaves. */
function left(inputs: readonly Value[], outputs: readonly Value[]): string[] {
  change(pass, inputs, outputs)
  return shapes(inputs, outputs)
}

describe('dead channels', () => {
  it('keeps what batches multiply by weights of their own', () => {
    const x = inputOf('x', 'f32', [2, 3])
    const padded = b.pad(x, b.scalar(1, 'f32'), [0, 0], [0, 2])
    const product = (weights: readonly number[]): Value =>
      b.dotGeneral(padded, f32([2, 4, 5], weights), {
        lhsBatch: [0],
        rhsBatch: [0],
        lhsContract: [1],
        rhsContract: [2],
      })
    // Those of one batch are of the other sign: their sum over both is 0.
    const opposite = counting([2, 4, 5]).map((v, i) => (i < 20 ? v : -v))
    expect(left([x], [product(counting([2, 4, 5])), product(opposite)])).toContain('dot_general 2x4')
  })

  it('takes a channel that is one number into the bias of what reads it', () => {
    const x = image()
    // Channel 0 is 0 behind its rectifier, channel 2 is 3.
    const y = biased(
      conv(x, 4, 1, (o) => o === 0 || o === 2),
      -1,
      0.5,
      3,
      -2,
    )
    expect(change(pass, [x], [conv(y, 2, 1, never)])).toMatchInlineSnapshot(`
      "%0 = input f32[1,2,4,4]: "x"
      %1 = constant f32[4,2,1,1]: {0, 0, 3, 4, 0, 0, 2, 3}
      %2 = convolution f32[1,4,4,4] (%0, %1): lhs={batch: 0, feature: 1, spatial: [2, 3]} rhs={output: 0, input: 1, spatial: [2, 3]} out={batch: 0, feature: 1, spatial: [2, 3]} window=[{1 stride 1 dilation 1 pad 0 0 base 1}, {1 stride 1 dilation 1 pad 0 0 base 1}] groups=1
      %3 = constant f32[1,4,1,1]: {-1, 0.5, 3, -2}
      %4 = map f32[1,4,4,4] (%2, %3): max(add(%2, %3), 0:f32)
      %5 = constant f32[2,4,1,1]: {1, 2, 3, 4, 5, 1, 2, 3}
      %6 = convolution f32[1,2,4,4] (%4, %5): lhs={batch: 0, feature: 1, spatial: [2, 3]} rhs={output: 0, input: 1, spatial: [2, 3]} out={batch: 0, feature: 1, spatial: [2, 3]} window=[{1 stride 1 dilation 1 pad 0 0 base 1}, {1 stride 1 dilation 1 pad 0 0 base 1}] groups=1
      output "y0" = %6

      %0 = input f32[1,2,4,4]: "x"
      %1 = constant f32[2,2,1,1]: {3, 4, 2, 3}
      %2 = convolution f32[1,2,4,4] (%0, %1): lhs={batch: 0, feature: 1, spatial: [2, 3]} rhs={output: 0, input: 1, spatial: [2, 3]} out={batch: 0, feature: 1, spatial: [2, 3]} window=[{1 stride 1 dilation 1 pad 0 0 base 1}, {1 stride 1 dilation 1 pad 0 0 base 1}] groups=1
      %3 = constant f32[1,2,1,1]: {0.5, -2}
      %4 = map f32[1,2,4,4] (%2, %3): max(add(%2, %3), 0:f32)
      %5 = constant f32[2,2,1,1]: {2, 4, 1, 3}
      %6 = convolution f32[1,2,4,4] (%4, %5): lhs={batch: 0, feature: 1, spatial: [2, 3]} rhs={output: 0, input: 1, spatial: [2, 3]} out={batch: 0, feature: 1, spatial: [2, 3]} window=[{1 stride 1 dilation 1 pad 0 0 base 1}, {1 stride 1 dilation 1 pad 0 0 base 1}] groups=1
      %7 = constant f32[1,2,1,1]: {9, 6}
      %8 = map f32[1,2,4,4] (%6, %7): add(%6, %7)
      output "y0" = %8
      "
    `)
  })

  it('goes through depthwise convolution, batch normalization, pooling, concatenation, sums, flattening', () => {
    const x = image()
    const dead = (o: number): boolean => o === 1
    const first = biased(conv(x, 3, 1, dead), 1, 0, 2)
    const depthwise = conv(first, 3, 3, never, 3)
    const scaled = b.map([depthwise, f32([1, 3, 1, 1], [2, 3, 4])], (e, s) => f.mul(e!, s!))
    const residual = b.binary('add', scaled, biased(conv(x, 3, 1, dead), 1, 0, 2))
    const pooled = b.reduceWindow('max', residual, [
      one,
      one,
      { ...one, size: 2, stride: 2 },
      { ...one, size: 2, stride: 2 },
    ])
    const joined = b.concatenate([pooled, b.unary('neg', pooled)], 1)
    const flat = b.reshape(joined, [1, 24])
    const dense = b.dotGeneral(flat, f32([24, 5], counting([24, 5])), {
      lhsBatch: [],
      rhsBatch: [],
      lhsContract: [1],
      rhsContract: [0],
    })
    expect(left([x], [dense])).toEqual([
      ...['convolution 1x2x4x4', 'map 1x2x4x4', 'convolution 1x2x4x4', 'map 1x2x4x4'],
      ...['convolution 1x2x4x4', 'map 1x2x4x4', 'map 1x2x4x4', 'reduce_window 1x2x2x2'],
      ...['map 1x2x2x2', 'concatenate 1x4x2x2', 'reshape 1x16', 'dot_general 1x5'],
    ])
  })

  it('keeps a number that padding differs from, and one that only a part of a sum is', () => {
    const x = image()
    const y = biased(
      conv(x, 3, 1, (o) => o === 1),
      1,
      2,
      3,
    )
    expect(keeps(pass, [x], [conv(conv(y, 3, 3, never, 3), 2, 1, never)])).toBe(true)
    const z = b.binary('add', y, conv(x, 3, 1, never))
    expect(keeps(pass, [x], [conv(z, 2, 1, never)])).toBe(true)
  })

  it('takes away what nobody reads: by zeros of weights, by slices', () => {
    const x = image()
    const y = conv(x, 6, 1, never)
    expect(left([x], [conv(y, 2, 1, (_, i) => i > 3)])).toEqual(['convolution 1x4x4x4', 'convolution 1x2x4x4'])
    const both = b.concatenate([y, conv(x, 2, 3, never)], 1)
    expect(left([x], [b.sliceAxis(both, 1, 3, 4)])).toEqual([
      ...['convolution 1x3x4x4', 'convolution 1x1x4x4', 'concatenate 1x4x4x4', 'slice 1x4x4x4'],
    ])
  })

  it('keeps what is read elsewhere, and outputs', () => {
    const x = image()
    const y = biased(
      conv(x, 3, 1, (o) => o === 1),
      1,
      0,
      2,
    )
    expect(keeps(pass, [x], [conv(y, 2, 1, never), y])).toBe(true)
  })

  it('is exact in integers, where a channel of tiny scale is its zero point', () => {
    const x = inputOf('x', 'i8', [1, 2, 3, 3])
    const i8 = (shape: number[]): Value => b.constant(tensorOf('i8', shape, counting(shape)))
    const attrs = { lhs: nchw, rhs: oihw, out: nchw, window: [one, one], groups: 1 }
    const padded = { ...attrs, window: [three, three], padValue: -7, groups: 3 }
    const scales = f32([1, 3, 1, 1], [0.02, 1e-9, 0.03])
    const bytes = b.map([b.convolution(x, i8([3, 2, 1, 1]), attrs), scales], (e, s) =>
      convert(f.clamp(f.add(f.round(f.mul(convert(e!, 'f32'), s!)), -7), -128, 127), 'i8'),
    )
    const depthwise = b.convolution(bytes, i8([3, 1, 3, 3]), padded)
    const graph = graphOf([x], [depthwise, b.convolution(bytes, i8([2, 3, 1, 1]), attrs)])
    expect(
      keeps(
        pass,
        [x],
        graph.outputs.map((o) => o.value),
      ),
    ).toBe(true)
    const last = b.convolution(bytes, i8([2, 3, 1, 1]), attrs)
    expect(left([x], [last])).toEqual([...['convolution 1x2x3x3', 'map 1x2x3x3', 'convolution 1x2x3x3', 'map 1x2x3x3']])
  })

  it('tells weights too small to move a sum from others', () => {
    const x = image()
    const through = (weight: number, bias: number): boolean => {
      const w = f32([2, 2, 1, 1], [1, 2, weight, -weight])
      const y = biased(b.convolution(x, w, { lhs: nchw, rhs: oihw, out: nchw, window: [one, one], groups: 1 }), 1, bias)
      return keeps(pass, [x], [conv(y, 2, 1, never)])
    }
    expect(through(1e-30, 0.5)).toBe(false)
    expect(through(1e-30, -0.5)).toBe(false)
    // 2^31 · 2 · 1e-18 is more than half a unit of 0.01, but far from what the rectifier lets pass.
    expect(through(1e-18, 0.01)).toBe(true)
    expect(through(1e-18, -0.01)).toBe(false)
    // Where weights are no trifle the bound of inputs decides nothing: seconds since 1970 in thousandths reach 1e6 / 1e-5.
    expect(through(1e-5, -1e6)).toBe(true)
  })

  it('takes inputs to be finite, and quotients, logarithms and infinite constants not to be', () => {
    const x = image()
    const y = (v: Value): Value => conv(v, 2, 1, (_, i) => i === 1)
    expect(keeps(pass, [x], [y(b.map([conv(x, 2, 1, never)], (e) => f.max(e!, 0)))])).toBe(false)
    for (const risky of [
      b.map([conv(x, 2, 1, never)], (e) => f.div(1, e!)),
      b.map([conv(x, 2, 1, never)], (e) => f.log(e!)),
      b.map([conv(x, 2, 1, never)], (e) => f.max(e!, -Infinity)),
      b.map([conv(x, 2, 1, never), x], (e, o) => f.select(f.gt(o!, 0), e!, -Infinity)),
    ])
      expect(keeps(pass, [x], [y(risky)])).toBe(true)
    // An infinite or unknown weight leaves nothing to fold.
    const nan = b.convolution(
      biased(
        conv(x, 2, 1, (o) => o === 0),
        1,
        2,
      ),
      f32([1, 2, 1, 1], [NaN, 1]),
      {
        ...{ lhs: nchw, rhs: oihw, out: nchw, window: [one, one], groups: 1 },
      },
    )
    expect(keeps(pass, [x], [nan])).toBe(true)
  })

  it('keeps as many channels as kernels go over at a time, and reports the rest', async () => {
    const x = image()
    const y = (dead: number): Value =>
      biased(
        conv(x, 20, 1, (o) => o < dead),
        ...new Array<number>(20).fill(0),
      )
    const widths = [3, 5, 12, 13].map((dead) => {
      const graph = graphOf([x], [conv(y(dead), 2, 1, never)])
      const after = deadChannels(graph)
      verify(after)
      return nodesOf(after).find(({ op }) => op === 'convolution')!.results[0]!.type.shape[1]
    })
    expect(widths).toEqual([20, 16, 8, 8])
    const graph = graphOf([x], [conv(y(12), 2, 1, never)])
    expect(removedChannels(graph, deadChannels(graph))).toEqual([{ node: 'layer', before: 20, after: 8 }])
    const { report } = await compileGraph(graph, { targets: ['simd'] })
    expect(report.removed).toEqual([{ node: 'layer', before: 20, after: 8 }])
    expect((await compileGraph(graphOf([x], [y(0)]), { targets: ['simd'] })).report.removed).toBeUndefined()
  })
})

/** The graph with some rows and columns of its products' constant weights set to zero. */
function zeroed(graph: Graph, random: Random): Graph {
  const patch = new Map<Value, Value>()
  for (const node of nodesOf(graph)) {
    const weights = node.op === 'convolution' || node.op === 'dot_general' ? node.operands[1]! : undefined
    if (weights?.node.op !== 'constant') continue
    const { value } = weights.node.attrs
    const strides = rowMajorStrides(value.shape)
    const gone = value.shape.map((d) => Array.from({ length: d }, () => d > 1 && random.float() < 0.4))
    const output = outputAxisOf(node, 1)?.axis
    const values = toNumbers(value).map((v, i) =>
      gone.some(
        (flags, a) => (a === output || random.int(2) === 0) && flags[Math.floor(i / strides[a]!) % flags.length],
      )
        ? 0
        : v,
    )
    patch.set(weights, b.constant(tensorOf(value.dtype, value.shape, values)))
  }
  return applyPatch(graph, patch)
}

/** A small network of integers, with channels that are zero or one number here and there. */
function network(random: Random): Graph {
  const x = inputOf('x', 'f32', [1, 4, 6, 6])
  const rarely = (): boolean => random.float() < 0.35
  const weights = (shape: number[], dead: boolean[], width: number): Value =>
    f32(
      shape,
      Array.from({ length: elementCount(shape) }, (_, i) => (dead[Math.floor(i / width)] ? 0 : random.int(3) - 1)),
    )
  const layer = (v: Value, outputs: number, depthwise = false): Value => {
    const channels = v.type.shape[1]!
    const size = depthwise || random.int(3) === 0 ? 3 : 1
    const window = { ...one, size, low: size >> 1, high: size >> 1, stride: 1 }
    const shape = [outputs, depthwise ? 1 : channels, size, size]
    const dead = Array.from({ length: outputs }, rarely)
    const attrs = { lhs: nchw, rhs: oihw, out: nchw, window: [window, window], groups: depthwise ? channels : 1 }
    const y = b.convolution(v, weights(shape, dead, elementCount(shape.slice(1))), attrs)
    const bias = f32(
      [outputs, 1, 1],
      Array.from({ length: outputs }, () => random.int(4) - 2),
    )
    return b.map([y, bias], (e, c) => f.clamp(f.add(e!, c!), random.int(2) - 1, 3))
  }
  let v = layer(x, 6)
  for (let i = 0; i < 5; i++) {
    const channels = v.type.shape[1]!
    const next = [
      () => layer(v, 4 + random.int(5)),
      () => layer(v, channels, true),
      () => b.binary('add', layer(v, channels), layer(v, channels)),
      () => b.concatenate([v, layer(v, 3)], 1),
      () => b.sliceAxis(v, 1, 1, channels - 1),
      () => b.transpose(b.transpose(v, [0, 2, 3, 1]), [0, 3, 1, 2]),
    ]
    v = random.pick(next)()
  }
  const flat = b.reshape(v, [1, elementCount(v.type.shape)])
  const dense = weights([flat.type.shape[1]!, 3], Array.from({ length: 99 }, rarely), 36 * 3)
  const attrs = { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] }
  return graphOf([x], [b.dotGeneral(flat, dense, attrs), b.reduce('add', v, [1])])
}

/** How much of the graphs the pass takes away; it may not change a bit of what they give. */
function shrunkBy(pass: (graph: Graph) => Graph, graphs: readonly (readonly [Random, Graph])[]): number {
  let shrunk = 0
  for (const [random, graph] of graphs) {
    const after = pass(graph)
    verify(after)
    if (after === graph) continue
    shrunk++
    const inputs = Object.fromEntries(
      graph.inputs.map(({ name, value }) => [name, smallTensor(random, value.type.dtype, value.type.shape)]),
    )
    const [expected, actual] = [evaluate(graph, inputs), evaluate(after, inputs)]
    for (const name of Object.keys(expected)) expectClose(actual[name]!, expected[name]!, 0)
  }
  return shrunk
}

const seeds = (first: number, count: number): Random[] => Array.from({ length: count }, (_, i) => new Random(first + i))

describe('random graphs without what goes give the same', () => {
  it.each([1, 201, 401])('graphs with zeros in weights, from %i on', (first) => {
    const graphs = seeds(first, 200).map((random) => [random, zeroed(randomGraph(random), random)] as const)
    expect(shrunkBy(pass, graphs)).toBeGreaterThan(3)
  })

  it.each([1, 101])('networks, from %i on', (first) => {
    const graphs = seeds(first, 100).map((random) => [random, network(random)] as const)
    expect(shrunkBy(pass, graphs)).toBeGreaterThan(60)
  })
})
