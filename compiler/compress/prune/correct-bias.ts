/**
 * Bias correction for channels that go: what they add to a layer's result on average goes into its bias, so that the mean of each
 * channel behind them stays (He et al., 2017, reconstruct with weights, too). The mean is of what the layer computes of them
 * on samples, over all places: at borders it counts that padding adds nothing, as a product of means would not.
 */
import { Builder } from '../../core/builder.ts'
import type { Executor } from '../../core/executor.ts'
import { applyPatch, createNode, type Value } from '../../core/graph.ts'
import type { OpName } from '../../core/ops/index.ts'
import { indicesOf, outputAxisOf } from '../../core/analysis/relation.ts'
import { elementCount } from '../../core/shape.ts'
import { tensorOf, toNumbers } from '../../core/tensor.ts'
import { isProduct, type ProductNode } from '../../passes/channels/product-weights.ts'
import { startingGraph, type TrainableModel } from '../../train/index.ts'
import type { Progress, Sample } from '../calibrate.ts'
import type { Couplings, Group } from './coupling.ts'
import { goneBy, left } from './remove.ts'

/** The mean of what a product no longer sums up, for each position of an axis of its result. */
export interface Shift {
  readonly result: Value
  readonly axis: number
  readonly means: readonly number[]
}

/** The part of a product that goes: the product with zeros for the weights that stay. */
interface Loss {
  readonly node: ProductNode
  readonly axis: number
  readonly value: Value
}

/** What products with weights no longer sum up when groups have gone. */
function losses({ nodes, varying }: Couplings, groups: readonly Group[]): Loss[] {
  const gone = goneBy(groups)
  return nodes.flatMap((node): Loss[] => {
    if (!isProduct(node) || !varying.has(node)) return []
    const at = node.operands.findIndex((operand) => !varying.has(operand.node))
    const output = at < 0 ? undefined : outputAxisOf(node, at)
    if (!output) return []
    const weights = node.operands[at]!
    if (weights.type.dtype !== 'f32') return []
    const summed = indicesOf(node).flatMap(({ places }) =>
      places.some(({ of }) => of === 'result') ? [] : places.filter((p) => p.of === 'operand' && p.at === at),
    )
    const axes = summed.flatMap(({ axis }) => {
      const flags = gone.get(weights)?.[axis]
      return flags ? [{ axis, flags }] : []
    })
    if (axes.length === 0) return []
    const b = new Builder(node.origin)
    const { shape } = weights.type
    // An element is lost where any of its positions is.
    const lost = axes
      .map(({ axis, flags }) => b.broadcastInDim(b.constant(tensorOf('f32', [flags.length], flags)), shape, [axis]))
      .reduce((x, y) => b.binary('max', x, y))
    const operands = node.operands.with(at, b.binary('mul', weights, lost))
    const value = createNode<OpName>(node.op, operands, node.attrs, node.origin).results[0]!
    return [{ node, axis: output.resultAxis, value }]
  })
}

/** The shifts of all products of floats behind what goes, as means over samples. */
export async function shiftsOf(
  model: TrainableModel,
  found: Couplings,
  groups: readonly Group[],
  samples: readonly Sample[],
  executor: Executor,
  progress: Progress,
): Promise<Shift[]> {
  const all = losses(found, groups)
  if (all.length === 0 || samples.length === 0) return []
  const outputs = all.map(({ value, axis }, i) => {
    const others = value.type.shape.flatMap((_, other) => (other === axis ? [] : [other]))
    return { name: `${i}`, value: new Builder(value.node.origin).reduce('add', value, others) }
  })
  const run = await executor.prepare(startingGraph({ ...model, graph: { ...model.graph, outputs } }).graph)
  const totals = all.map(({ node, axis }) => new Float64Array(node.results[0]!.type.shape[axis]!))
  for (const [s, sample] of samples.entries()) {
    progress('correcting biases', s, samples.length)
    const results = run(sample)
    totals.forEach((total, i) => toNumbers(results[`${i}`]!).forEach((x, c) => (total[c]! += x)))
  }
  return all.map(({ node, axis }, i) => {
    const result = node.results[0]!
    const each = (samples.length * elementCount(result.type.shape)) / totals[i]!.length
    return { result, axis, means: Array.from(totals[i]!, (x) => x / each) }
  })
}

/** The model without groups, whose products have shifts added. */
export function shifted(
  model: TrainableModel,
  groups: readonly Group[],
  now: (value: Value) => Value,
  shifts: readonly Shift[],
): TrainableModel {
  const gone = goneBy(groups)
  const patch = new Map<Value, Value>()
  for (const { result, axis, means } of shifts) {
    const own = now(result)
    const flags = gone.get(result)?.[axis]
    const kept = flags ? left(flags).map((i) => means[i]!) : means
    const b = new Builder(own.node.origin)
    // One number for each channel: broadcast, it would be stored as long as the result.
    const shape = own.type.shape.map((_, other) => (other === axis ? kept.length : 1))
    const by = b.constant(tensorOf('f32', shape, kept))
    // A node of its own: the patch must not meet what it replaces.
    const again = createNode<OpName>(own.node.op, own.node.operands, own.node.attrs, own.node.origin).results[0]!
    patch.set(own, b.binary('add', again, by))
  }
  const { inputs, outputs } = applyPatch(model.graph, patch)
  return { ...model, graph: { inputs, outputs } }
}
