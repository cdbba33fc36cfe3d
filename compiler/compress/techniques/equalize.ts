/**
 * Cross-layer equalization (Nagel et al. 2019, section 4.1), for activations that share one scale: where a layer's result
 * goes through nothing but its bias and a rectifier into one other layer, dividing a channel there and multiplying the
 * weights that read it changes nothing in exact arithmetic. Channels are brought to one range as far as the reader's own
 * weights allow: a depthwise convolution has a scale for each of them and allows anything, in others a channel's weights
 * share their scale with those of all channels, so that half of the way is gone (as SmoothQuant does).
 */
import { Builder } from '../../core/builder.ts'
import type { Executor } from '../../core/executor.ts'
import { children, foldExpr, type Expr } from '../../core/scalar/expr.ts'
import * as f from '../../core/scalar/formula.ts'
import { applyPatch, countUses, createNode, nodesOf, type Graph, type NodeOf, type Value } from '../../core/graph.ts'
import type { OpName } from '../../core/ops/index.ts'
import { indicesOf, partnersOf, placeIn } from '../../core/analysis/relation.ts'
import { rowMajorStrides } from '../../core/shape.ts'
import { tensor, toNumbers, type Tensor } from '../../core/tensor.ts'
import type { Progress, Sample } from '../calibrate.ts'
import { layersOf, type Layer } from '../layers.ts'
import { channelOf } from '../weights.ts'

/** Two layers with nothing between them that a positive factor would not pass. */
interface Pair {
  readonly first: Layer
  readonly map: NodeOf<'map'>
  readonly second: Layer
  /** The channel of the first layer that each weight of the second multiplies. */
  readonly reads: (i: number) => number
  /** Whether each output channel of the second layer reads one channel only. */
  readonly depthwise: boolean
}

/** Whether f(c · x) = c · f(x) for every c > 0. */
const isHomogeneous = (expr: Expr): boolean =>
  foldExpr<boolean>(expr, (e, of) => {
    if (e.kind === 'arg') return true
    if (e.kind === 'const') return e.value === 0
    if (e.kind === 'unary') return e.op === 'neg' && of(e.x)
    // A comparison is the same for all c.
    if (e.kind === 'select') return e.cond.kind === 'binary' && [...children(e.cond), e.a, e.b].every(of)
    if (e.kind !== 'binary') return false
    if (e.op === 'mul') return (e.b.kind === 'const' && of(e.a)) || (e.a.kind === 'const' && of(e.b))
    return ['add', 'sub', 'max', 'min'].includes(e.op) && of(e.a) && of(e.b)
  })

/** How the second layer's weights read the channels along `axis` of its input. */
function readsOf({ node, data, weights }: Layer, axis: number): Pick<Pair, 'reads' | 'depthwise'> | undefined {
  const [input] = data
  const partners = input === undefined ? undefined : partnersOf(node, weights!.operand, input, axis)
  if (!partners) return undefined
  const { shape } = weights!.tensor
  const strides = rowMajorStrides(shape)
  const reads = (i: number): number =>
    partners.reduce((sum, along, a) => sum + along[Math.floor(i / strides[a]!) % shape[a]!]!, 0)
  const channels = indicesOf(node).filter((index) => index.extent > 1 && placeIn(index, 'operand', input!, axis))
  return { reads, depthwise: channels.every(({ places }) => places.some((p) => p.of === 'result')) }
}

function pairsOf(graph: Graph): Pair[] {
  const uses = countUses(graph)
  const layers = layersOf(graph)
  const readerOf = new Map<Value, Layer>(layers.flatMap((l) => l.data.map((i) => [l.node.operands[i]!, l] as const)))
  return layers.flatMap((first): Pair[] => {
    const { weights, bias } = first
    if (!weights || weights.axis === undefined || !bias) return []
    const { map } = bias
    const [result] = map.results
    const second = readerOf.get(result!)
    const plain = map.operands.length === 2 && isHomogeneous(map.attrs.expr)
    if (!second?.weights || !plain || uses.get(result!) !== 1) return []
    const reading = readsOf(second, weights.resultAxis)
    return reading ? [{ first, map, second, ...reading }] : []
  })
}

/** The largest magnitude in each channel of each pair's value in between. */
async function channelRanges(
  graph: Graph,
  pairs: readonly Pair[],
  samples: readonly Sample[],
  executor: Executor,
  progress: Progress,
): Promise<number[][]> {
  const outputs = pairs.map(({ first, map }, i) => {
    const b = new Builder(map.origin)
    const [result] = map.results
    const others = result!.type.shape.map((_, axis) => axis).filter((axis) => axis !== first.weights!.resultAxis)
    const magnitude = b.map([result!], (e) => f.abs(e!))
    return { name: `range${i}`, value: b.reduce('max', magnitude, others) }
  })
  const run = await executor.prepare({ inputs: graph.inputs, outputs })
  const ranges = pairs.map(({ first }) => new Array<number>(first.weights!.channels).fill(0))
  for (const [s, sample] of samples.entries()) {
    progress('comparing channels', s, samples.length)
    const results = run(sample)
    for (const [i, range] of ranges.entries()) {
      toNumbers(results[`range${i}`]!).forEach((x, c) => (range[c] = Math.max(range[c]!, x)))
    }
  }
  return ranges
}

/** What each channel between the layers is multiplied by: powers of two, which cost no precision. */
function factorsOf({ second, reads, depthwise, first }: Pair, range: readonly number[]): number[] {
  const values = second.weights!.tensor.data as Float32Array
  const weights = new Array<number>(first.weights!.channels).fill(0)
  values.forEach((w, i) => (weights[reads(i)] = Math.max(weights[reads(i)]!, Math.abs(w))))
  const largest = Math.max(...range)
  const largestWeight = Math.max(...weights)
  return range.map((r, c) => {
    if (!(r > 0 && r < Infinity && weights[c]! > 0)) return 1
    const wanted = depthwise ? largest / r : Math.sqrt((largest / r) * (weights[c]! / largestWeight))
    return nearestPower(Math.min(64, Math.max(depthwise ? 1 : 1 / 64, wanted)))
  })
}

/** The power of two below x. */
function nearestPower(x: number): number {
  let power = 1
  while (power * 2 <= x) power *= 2
  while (power > x) power /= 2
  return power
}

const scaled = (t: Tensor, factor: (i: number) => number): Tensor =>
  tensor(
    'f32',
    t.shape,
    Float32Array.from(t.data as Float32Array, (x, i) => x * factor(i)),
  )

/** The same function with its channels between layers equalized; the graph itself where no two layers allow it. */
export async function equalize(
  graph: Graph,
  samples: readonly Sample[],
  executor: Executor,
  progress: Progress,
): Promise<Graph> {
  const pairs = pairsOf(graph)
  if (pairs.length === 0) return graph
  const ranges = await channelRanges(graph, pairs, samples, executor, progress)
  const factors = pairs.map((pair, i) => factorsOf(pair, ranges[i]!))
  // A layer may be the second of one pair and the first of another.
  const weights = new Map<Layer, Tensor>()
  const scaleWeights = (layer: Layer, factor: (i: number) => number): void =>
    void weights.set(layer, scaled(weights.get(layer) ?? layer.weights!.tensor, factor))
  const byNode = new Map<unknown, Layer>()
  const canonical = (layer: Layer): Layer => byNode.get(layer.node) ?? (byNode.set(layer.node, layer), layer)
  const biases = new Map<unknown, { operand: number; value: Tensor }>()
  for (const [i, { first, second, reads, map }] of pairs.entries()) {
    const s = factors[i]!
    const channel = channelOf(first.weights!)
    scaleWeights(canonical(first), (j) => s[channel(j)]!)
    scaleWeights(canonical(second), (j) => 1 / s[reads(j)]!)
    biases.set(map, { operand: first.bias!.operand, value: scaled(first.bias!.tensor, (j) => s[j]!) })
  }
  const patch = new Map<Value, Value>()
  for (const node of nodesOf(graph)) {
    const layer = byNode.get(node)
    const bias = biases.get(node)
    if (!layer && !bias) continue
    const b = new Builder(node.origin)
    const operands = [...node.operands]
    if (layer) operands[layer.weights!.operand] = b.constant(weights.get(layer)!)
    if (bias) operands[bias.operand] = b.constant(bias.value)
    const copy = createNode<OpName>(node.op, operands, node.attrs, node.origin)
    patch.set(node.results[0]!, copy.results[0]!)
  }
  return applyPatch(graph, patch)
}
