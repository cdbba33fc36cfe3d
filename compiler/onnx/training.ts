import { Builder } from '../core/builder.ts'
import { isFloat, isSmallFloat } from '../core/scalar/dtype.ts'
import { allNodesOf, createNode, nodesOf, topological, type Graph, type Node, type Value } from '../core/graph.ts'
import type { Tensor } from '../core/tensor.ts'
import type { LazyTensor } from './decode.ts'

/**
 * Why a stored tensor is no weight: it is one number (rank 0: a scale, an epsilon), says how an operator works (bounds, an exponent,
 * a mask), is a statistic of data (of batch normalization), belongs to what is quantized, or is in the graph no longer: operators
 * took it for what it says, such as shapes.
 */
export type FixedReason = 'scalar' | 'setting' | 'statistic' | 'quantized' | 'unused'

/** A batch normalization that uses stored statistics. Values are of the imported graph. */
export interface NormalizationPlace {
  /** Name of the node. */
  readonly name: string
  /** Of any rank from 2 on; channels are axis 1. */
  readonly x: Value
  /** scale · (x - mean) / √(variance + epsilon) + bias: what training replaces. */
  readonly y: Value
  /** [channels], each, of their own dtype. */
  readonly scale: Value
  readonly bias: Value
  readonly mean: Value
  readonly variance: Value
  /** The stored tensors that the statistics are. */
  readonly meanName: string
  readonly varianceName: string
  readonly epsilon: number
  /** Of running statistics: old · momentum + that of a batch · (1 - momentum). */
  readonly momentum: number
}

/** A dropout, which does nothing at inference: y is a value of its own, equal to x. */
export interface DropoutPlace {
  readonly name: string
  readonly x: Value
  readonly y: Value
  /** Probability with which training makes an element 0. */
  readonly ratio: number
}

/** What training changes in an imported graph. */
export interface Training {
  /**
   * Weights by name: `constant` nodes of the graph or of regions in it, that hold the tensors as the model stores them. Each is one node,
   * however often it is used. Names are those of initializers and of outputs of Constant nodes, in functions and subgraphs behind the
   * nodes around them.
   */
  readonly trainable: ReadonlyMap<string, Value>
  /** Other floats, and quantized weights, by name. */
  readonly fixed: ReadonlyMap<string, FixedReason>
  /** Those outside of loops and branches. */
  readonly normalizations: readonly NormalizationPlace[]
  readonly dropouts: readonly DropoutPlace[]
}

/** Collects the stored tensors that a model's nodes use, and the places that training changes. */
export class Stored {
  private readonly values = new Map<LazyTensor, Value>()
  private readonly named = new Map<string, Value>()
  private readonly fixed: { readonly value: Value; readonly reason: FixedReason }[] = []
  private readonly normalizations: Omit<NormalizationPlace, 'meanName' | 'varianceName'>[] = []
  private readonly dropouts: DropoutPlace[] = []

  /** The tensor as a constant: one for each stored tensor, wherever and however often it is read. */
  value(name: string, tensor: LazyTensor, b: Builder): Value {
    const known = this.values.get(tensor)
    if (known) return known
    const value = b.constant(tensor())
    this.values.set(tensor, value)
    let own = name
    // Graphs that do not see each other may use a name twice.
    for (let i = 2; this.named.has(own); i++) own = `${name}#${i}`
    this.named.set(own, value)
    return value
  }

  /** Values of the initializers of graphs whose nodes' names begin with `path`. */
  within(path: string): (name: string, tensor: LazyTensor) => Value {
    const b = new Builder(undefined)
    return (name, tensor) => this.value(path + name, tensor, b)
  }

  /** What `value` is made of is no weight. */
  fix(value: Value, reason: FixedReason): void {
    this.fixed.push({ value, reason })
  }

  normalization(place: Omit<NormalizationPlace, 'meanName' | 'varianceName'>): void {
    this.normalizations.push(place)
  }

  /** `x` as a value of its own. */
  dropout(name: string, x: Value, ratio: number, b: Builder): Value {
    const [y] = createNode('reshape', [x], { shape: x.type.shape }, b.origin).results
    this.dropouts.push({ name, x, y: y!, ratio })
    return y!
  }

  /** What stored tensors are called. */
  tensorNames(): ReadonlyMap<Tensor, string> {
    const names = new Map<Tensor, string>()
    for (const [name, { node }] of this.named) if (node.op === 'constant') names.set(node.attrs.value, name)
    return names
  }

  /** What of it is in `graph`. */
  of(graph: Graph): Training {
    const reasons = this.reasons()
    const reached = new Set(allNodesOf(graph))
    const trainable = new Map<string, Value>()
    const fixed = new Map<string, FixedReason>()
    for (const [name, value] of this.named) {
      const { dtype, shape } = value.type
      const isWeight = isFloat(dtype) && !isSmallFloat(dtype)
      const reason = reasons.get(value.node) ?? (reached.has(value.node) ? undefined : 'unused')
      if (reason === 'quantized') fixed.set(name, reason)
      else if (!isWeight) continue
      else if (reason) fixed.set(name, reason)
      else if (shape.length === 0) fixed.set(name, 'scalar')
      else trainable.set(name, value)
    }
    const names = new Map([...this.named].map(([name, value]) => [value, name]))
    const outer = new Set(nodesOf(graph))
    const normalizations = this.normalizations.flatMap((place): NormalizationPlace[] => {
      const [meanName, varianceName] = [names.get(place.mean), names.get(place.variance)]
      const isKnown = meanName !== undefined && varianceName !== undefined && outer.has(place.y.node)
      return isKnown ? [{ ...place, meanName, varianceName }] : []
    })
    return { trainable, fixed, normalizations, dropouts: this.dropouts.filter(({ y }) => outer.has(y.node)) }
  }

  /** Why stored tensors are fixed: those that a fixed value is made of, if it is made of constants alone. */
  private reasons(): Map<Node, FixedReason> {
    const order = topological(this.fixed.map(({ value }) => value))
    const varying = new Set<Node>()
    for (const node of order) {
      if (node.op === 'input' || node.operands.some((o) => varying.has(o.node))) varying.add(node)
    }
    const reasons = new Map<Node, FixedReason>()
    const mark = (node: Node, reason: FixedReason): void => {
      if (!varying.has(node) && !reasons.has(node)) reasons.set(node, reason)
    }
    this.fixed.forEach(({ value, reason }) => mark(value.node, reason))
    for (const node of order.reverse()) {
      const reason = reasons.get(node)
      if (reason) node.operands.forEach((o) => mark(o.node, reason))
    }
    return reasons
  }
}
