/**
 * Makes a quantized graph of a float one: integers where the plan stores them, with maps that quantize and dequantize
 * around every op that computes in between (the form that ONNX calls QDQ). It computes in f32 as it stands; what turns
 * it into integer kernels comes after.
 */
import { Builder } from '../core/builder.ts'
import { constantOf } from '../core/evaluate.ts'
import * as f from '../core/scalar/formula.ts'
import { createNode, nodesOf, type Graph, type Node, type NodeOf, type Value } from '../core/graph.ts'
import type { OpName } from '../core/ops/index.ts'
import { dequantized, saturated } from '../core/scalar/quantization.ts'
import { tensorOf, toNumbers, type Tensor } from '../core/tensor.ts'
import type { Layer } from './layers.ts'
import type { Plan } from './plan.ts'
import { tiedLayers } from './tied.ts'
import { highest, lowest, roundHalfEven, type QuantizationParameters } from './range.ts'
import {
  biasUnits,
  biasValue,
  carriesBias,
  integerBias,
  quantizeWeights,
  scaleOperand,
  storedWeights,
  weightsValue,
  type Bits,
  type QuantizedWeights,
} from './weights.ts'

/** What was decided on the values and layers of a plan. */
export interface Decisions {
  /** By the first of the values that share them. */
  readonly parameters: ReadonlyMap<Value, QuantizationParameters>
  /** Bits of weights, for layers that have other than 8. */
  readonly bits?: ReadonlyMap<Layer, Bits>
  /** Weights rounded with care, for layers that have them. */
  readonly weights?: ReadonlyMap<Layer, QuantizedWeights>
  /** What is added to each channel of a layer's result. */
  readonly corrections?: ReadonlyMap<Layer, ArrayLike<number>>
  /** Biases in place of corrected ones, for layers that have them: i32 where the layer's input is stored as integers, else f32. */
  readonly biases?: ReadonlyMap<Layer, Tensor>
}

/** The constants that a layer is stored in. */
export interface Stored {
  /** i8, or i4. */
  readonly weights: Value
  /** i32 where the layer's input is stored as integers, else f32. */
  readonly bias?: Value
}

/** The scale of the operand that is data; undefined where that is not stored as integers. */
export function inputScale(plan: Plan, { parameters }: Decisions, { node, data: [i] }: Layer): number | undefined {
  return i === undefined || !plan.reads(node, i)
    ? undefined
    : parameters.get(plan.stored.get(node.operands[i]!)!)!.scale
}

/** The integers of a layer's weights, whose scales carry its bias where that becomes integers as well. */
export function weightsOf(plan: Plan, decisions: Decisions, layer: Layer): QuantizedWeights {
  const bits = decisions.bits?.get(layer) ?? 8
  const bias = layer.bias && correctedBias(layer.bias.tensor, decisions.corrections?.get(layer))
  const integers = { bias: bias?.data as Float32Array | undefined, inputScale: inputScale(plan, decisions, layer) }
  const known = decisions.weights?.get(layer)
  return known && carriesBias(known, integers) ? known : quantizeWeights(layer.weights!, { bits, ...integers })
}

export function quantizeValue(b: Builder, x: Value, { scale, zero }: QuantizationParameters): Value {
  const s = b.scalar(scale, 'f32')
  return zero === 0
    ? b.map([x, s], (e, t) => saturated(f.div(e!, t!), undefined, 'u8'))
    : b.map([x, s, b.scalar(zero, 'u8')], (e, t, z) => saturated(f.div(e!, t!), z!, 'u8'))
}

export function dequantizeValue(b: Builder, q: Value, { scale, zero }: QuantizationParameters): Value {
  const s = b.scalar(scale, 'f32')
  return zero === 0
    ? b.map([q, s], (e, t) => dequantized(e!, t!, undefined))
    : b.map([q, s, b.scalar(zero, 'u8')], (e, t, z) => dequantized(e!, t!, z!))
}

/** The bias with its correction. */
export function correctedBias(bias: Tensor, correction: ArrayLike<number> | undefined): Tensor {
  if (!correction) return bias
  const values = toNumbers(bias).map((x, i) => x + correction[correction.length === 1 ? 0 : i]!)
  return tensorOf('f32', bias.shape, values)
}

class Rewriter {
  private readonly plan: Plan
  private readonly decisions: Decisions
  private readonly floats = new Map<Value, Value>()
  private readonly integers = new Map<Value, Value>()
  private readonly restored = new Map<Value, Value>()
  private readonly layerOf: ReadonlyMap<Node, Layer>
  readonly stored = new Map<Layer, Stored>()
  /** The product of floats by the table that a layer looks up in. */
  private readonly productOf: ReadonlyMap<Layer, Layer>
  /** By the map that adds the bias. */
  private readonly biases = new Map<Node, { layer: Layer; operand: number; weights: QuantizedWeights }[]>()

  constructor(plan: Plan, decisions: Decisions) {
    this.plan = plan
    this.decisions = decisions
    this.layerOf = new Map(plan.layers.map((layer) => [layer.node as Node, layer]))
    // Products of integers are packed in a form of their own.
    const ofFloats = plan.layers.filter((layer) => inputScale(plan, decisions, layer) === undefined)
    this.productOf = new Map(
      [...tiedLayers(ofFloats)].flatMap(([product, lookups]) => lookups.map((lookup) => [lookup, product] as const)),
    )
  }

  run(graph: Graph): Graph {
    for (const node of nodesOf(graph)) this.visit(node)
    const outputs = graph.outputs.map((port) => ({ ...port, value: this.floats.get(port.value)! }))
    return { inputs: graph.inputs, outputs }
  }

  private parameters(value: Value): QuantizationParameters {
    return this.decisions.parameters.get(this.plan.stored.get(value)!)!
  }

  private integer(value: Value): Value {
    const known = this.integers.get(value)
    if (known) return known
    const q = quantizeValue(new Builder(value.node.origin), this.floats.get(value)!, this.parameters(value))
    this.integers.set(value, q)
    return q
  }

  private restore(value: Value): Value {
    const known = this.restored.get(value)
    if (known) return known
    const x = dequantizeValue(new Builder(value.node.origin), this.integer(value), this.parameters(value))
    this.restored.set(value, x)
    return x
  }

  private operand(node: Node, i: number): Value {
    const value = node.operands[i]!
    return this.plan.reads(node, i) ? this.restore(value) : this.floats.get(value)!
  }

  private visit(node: Node): void {
    const layer = this.layerOf.get(node)
    if (layer?.weights) {
      this.visitLayer(node, layer)
      return
    }
    const operands = node.operands.map((_, i) => this.operand(node, i))
    for (const { layer: owner, operand, weights } of this.biases.get(node) ?? []) {
      operands[operand] = this.bias(owner, weights)
    }
    const unchanged = operands.every((o, i) => o === node.operands[i])
    const copy = unchanged ? node : createNode<OpName>(node.op, operands, node.attrs, node.origin)
    node.results.forEach((r, i) => this.floats.set(r, copy.results[i]!))
    const [result] = node.results
    if (result && this.plan.moved.has(result)) this.integers.set(result, this.move(node))
  }

  private bias(layer: Layer, weights: QuantizedWeights): Value {
    const { corrections, biases } = this.decisions
    const b = new Builder(layer.node.origin)
    const bias = correctedBias(layer.bias!.tensor, corrections?.get(layer))
    const scale = inputScale(this.plan, this.decisions, layer)
    const units = scale === undefined ? undefined : biasUnits(bias, scale, weights)
    const stored = b.constant(biases?.get(layer) ?? (units ? integerBias(bias, units) : bias))
    this.stored.set(layer, { ...this.stored.get(layer)!, bias: stored })
    return units ? biasValue(b, stored, units) : stored
  }

  /** The op on integers, which it only moves or selects. */
  private move(node: Node): Value {
    const operands = node.operands.map((o, i) => {
      if (this.plan.reads(node, i)) return this.integer(o)
      if (node.op !== 'pad') return this.floats.get(o)!
      const { scale, zero } = this.parameters(node.results[0]!)
      const [fill] = toNumbers(constantOf(o)!)
      const q = Math.min(highest, Math.max(lowest, roundHalfEven(fill! / scale) + zero))
      return new Builder(node.origin).scalar(q, 'u8')
    })
    return createNode<OpName>(node.op, operands, node.attrs, node.origin).results[0]!
  }

  /**
   * The layer whose integers a layer is stored in: those of a lookup are a product's by the same table, so that they stand once. Its scales are for
   * rows, which are looked up with them.
   */
  private owner(layer: Layer): Layer {
    const product = this.productOf.get(layer)
    const { bits } = this.decisions
    return product && bits?.get(product) === bits?.get(layer) ? product : layer
  }

  private visitLayer(node: Node, layer: Layer): void {
    const weights = layer.weights!
    const correction = this.decisions.corrections?.get(layer)
    const b = new Builder(node.origin)
    const owner = this.owner(layer)
    const quantized = weightsOf(this.plan, this.decisions, owner)
    const stored = this.stored.get(owner)?.weights ?? storedWeights(b, weights, quantized)
    this.stored.set(owner, { weights: stored })
    if (node.op === 'gather') {
      const operands = [stored, ...node.operands.slice(1).map((o) => this.floats.get(o)!)]
      const rows = createNode('gather', operands, node.attrs, node.origin).results[0]!
      const scale =
        owner === layer
          ? scaleOperand(b, quantized.scales, weights.axis && weights.resultAxis, rows.type.shape.length)
          : rowScales(b, node, quantized.scales, operands[1]!)
      this.floats.set(
        node.results[0]!,
        b.map([rows, scale], (q, s) => dequantized(q!, s!, undefined)),
      )
      return
    }
    const operands = node.operands.map((_, i) =>
      i === weights.operand ? weightsValue(b, weights, quantized, stored) : this.operand(node, i),
    )
    const copy = createNode<OpName>(node.op, operands, node.attrs, node.origin)
    const [result] = node.results
    this.floats.set(result!, copy.results[0]!)
    if (layer.bias) {
      const { map, operand } = layer.bias
      this.biases.set(map, [...(this.biases.get(map) ?? []), { layer, operand, weights: quantized }])
    } else if (correction) {
      const rank = result!.type.shape.length
      const axis = weights.axis === undefined ? undefined : weights.resultAxis
      const added = scaleOperand(b, Float32Array.from(correction), axis, rank)
      this.floats.set(result!, b.binary('add', copy.results[0]!, added))
    }
  }
}

/** The scale of each row that `node` looks up, of the rank of its result. */
const rowScales = (b: Builder, node: NodeOf<'gather'>, scales: Float32Array, indices: Value): Value =>
  b.gather(b.constant(tensorOf('f32', [scales.length, 1], scales)), indices, { ...node.attrs, sliceSizes: [1, 1] })

export const rewrite = (graph: Graph, plan: Plan, decisions: Decisions): Graph =>
  new Rewriter(plan, decisions).run(graph)

/** The same, with the constants that each layer of the plan is stored in. */
export function rewriteWithStored(
  graph: Graph,
  plan: Plan,
  decisions: Decisions,
): { readonly graph: Graph; readonly stored: ReadonlyMap<Layer, Stored> } {
  const rewriter = new Rewriter(plan, decisions)
  return { graph: rewriter.run(graph), stored: rewriter.stored }
}
