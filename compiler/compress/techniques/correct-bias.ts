/**
 * Fast bias correction: quantization shifts the mean of a layer's result, which its bias can take back. Each layer is
 * computed twice on the float graph's own input, as it was and with its operands as they are stored, and the mean
 * difference over the samples, channel by channel, is what the bias lacks (Nagel et al. 2019, section 4.2).
 */
import { Builder } from '../../core/builder.ts'
import type { Executor } from '../../core/executor.ts'
import * as f from '../../core/scalar/formula.ts'
import { createNode, type Graph, type Value } from '../../core/graph.ts'
import type { OpName } from '../../core/ops/index.ts'
import { elementCount } from '../../core/shape.ts'
import { toNumbers } from '../../core/tensor.ts'
import type { Progress, Sample } from '../calibrate.ts'
import type { Layer } from '../layers.ts'
import type { Plan } from '../plan.ts'
import { dequantizeValue, quantizeValue, weightsOf, type Decisions } from '../rewrite.ts'
import { weightsValue } from '../weights.ts'

/** What quantization does to a layer alone, given exact inputs. */
export interface LayerError {
  /** Mean of exact minus quantized result for each channel. */
  readonly shift: readonly number[]
  /** Σ exact² and Σ (exact − quantized)² over the results. */
  readonly signal: number
  readonly noise: number
}

export type LayerErrors = ReadonlyMap<Layer, LayerError>

/** What biases lack. */
export const shiftsOf = (errors: LayerErrors): Map<Layer, readonly number[]> =>
  new Map([...errors].map(([layer, { shift }]) => [layer, shift]))

/** The layer with its operands as they are stored, on the float graph's values. */
function quantizedLayer(b: Builder, layer: Layer, plan: Plan, decisions: Decisions): Value {
  const { node, weights } = layer
  const parametersOf = (i: number) => decisions.parameters.get(plan.stored.get(node.operands[i]!)!)!
  const operands = node.operands.map((o, i) => {
    if (i === weights?.operand) return weightsValue(b, weights, weightsOf(plan, decisions, layer))
    if (!plan.reads(node, i)) return o
    return dequantizeValue(b, quantizeValue(b, o, parametersOf(i)), parametersOf(i))
  })
  return createNode<OpName>(node.op, operands, node.attrs, node.origin).results[0]!
}

/** The errors of those layers of the plan that multiply by constant weights. */
export async function layerErrors(
  graph: Graph,
  plan: Plan,
  decisions: Decisions,
  samples: readonly Sample[],
  executor: Executor,
  progress: Progress,
): Promise<LayerErrors> {
  const layers = plan.layers.filter(({ weights, node }) => weights && node.op !== 'gather')
  const outputs = layers.flatMap((layer, i) => {
    const b = new Builder(layer.node.origin)
    const exact = layer.node.results[0]!
    const difference = b.binary('sub', exact, quantizedLayer(b, layer, plan, decisions))
    const all = exact.type.shape.map((_, axis) => axis)
    const { axis, resultAxis } = layer.weights!
    const others = axis === undefined ? all : all.filter((a) => a !== resultAxis)
    const square = (x: Value): Value => b.map([x], (e) => f.square(e!))
    return [
      { name: `shift${i}`, value: b.reduce('add', difference, others) },
      { name: `signal${i}`, value: b.reduce('add', square(exact), all) },
      { name: `noise${i}`, value: b.reduce('add', square(difference), all) },
    ]
  })
  const run = await executor.prepare({ inputs: graph.inputs, outputs })
  const totals = layers.map(({ weights }) => ({
    shift: new Array<number>(weights!.channels).fill(0),
    signal: 0,
    noise: 0,
  }))
  for (const [s, sample] of samples.entries()) {
    progress('comparing layers', s, samples.length)
    const results = run(sample)
    for (const [i, total] of totals.entries()) {
      toNumbers(results[`shift${i}`]!).forEach((x, c) => (total.shift[c]! += x))
      total.signal += toNumbers(results[`signal${i}`]!)[0]!
      total.noise += toNumbers(results[`noise${i}`]!)[0]!
    }
  }
  return new Map(
    layers.map((layer, i) => {
      const { shift, signal, noise } = totals[i]!
      const each = (samples.length * elementCount(layer.node.results[0]!.type.shape)) / shift.length
      return [layer, { shift: shift.map((x) => x / each), signal, noise }]
    }),
  )
}
