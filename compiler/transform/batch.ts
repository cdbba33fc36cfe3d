/**
 * A graph over several samples at once, as JAX's vmap makes it: a model that was exported for one picture, its reshapes included, takes
 * a batch of them. Each sample's results are those of the source graph to the bit, as the evaluator has it. A batch that the model has
 * already stays: it is an axis behind that of the samples, and where it has length 1, rules compute as if it were the samples' own.
 */
import { Builder } from '../core/builder.ts'
import { fail } from '../core/diagnostics/diagnostic.ts'
import {
  applyPatch,
  countsOf,
  createNode,
  nodesOf,
  regionsOf,
  topological,
  type Graph,
  type Node,
  type Port,
  type Value,
} from '../core/graph.ts'
import type { OpName } from '../core/ops/index.ts'
import { isBatched, leading, shared } from './batching/forms.ts'
import { ruleOf } from './batching/index.ts'
import type { Context, Operand } from './batching/rule.ts'
import { Varying } from './batching/varying.ts'

export interface Batched {
  readonly graph: Graph
  /**
   * What became of a value of the source graph: itself where it does not depend on batched inputs, else a value with a leading axis
   * of `size`. A TypeError for values that are not of the graph, or of a region within it.
   */
  readonly value: (source: Value) => { readonly value: Value; readonly batched: boolean }
  /**
   * The graph with other values in place of what values of the source graph became, of the types that `value` gives. They may be
   * computed from what it gives for others, and are read by all that reads the ones that they replace.
   */
  readonly replacing: (replacements: ReadonlyMap<Value, Value>) => Graph
}

/**
 * `graph` over `size` samples at once: inputs named in `inputs` (all unless given), and what depends on them, gain a leading axis; the
 * others are shared by all samples. Names stay. A501 for no sample or an input that is none; A850 for what samples cannot share:
 * outputs of data-dependent length, trees.
 */
export function batch(graph: Graph, size: number, inputs?: ReadonlySet<string>): Batched {
  if (!Number.isInteger(size) || size < 1) fail('A501', `a batch of ${size} samples`)
  const names = new Set(graph.inputs.map((port) => port.name))
  const unknown = [...(inputs ?? [])].find((name) => !names.has(name))
  if (unknown !== undefined) fail('A501', `the graph has no input "${unknown}" to batch`)

  const known = new Map<Value, Operand>()
  const ports = graph.inputs.map((port): Port => {
    const { name, value } = port
    const isOwn = !inputs || inputs.has(name)
    const operand = isOwn ? leading(widened(port, size)) : shared(value)
    known.set(value, operand)
    return { ...port, value: operand.value }
  })
  const batching = new Batching(size)
  batching.rebuild(nodesOf(graph), known, undefined)
  const operandOf = (source: Value): Operand => {
    const operand = known.get(source)
    if (!operand) throw new TypeError('the value is not of the graph')
    return operand
  }
  const wide = new Map<Value, Value>()
  const value = (source: Value): ReturnType<Batched['value']> => {
    const operand = operandOf(source)
    const shape = [size, ...source.type.shape]
    const batched = isBatched(operand)
    const own =
      wide.get(source) ?? (batched ? new Builder(source.node.origin).reshape(operand.value, shape) : operand.value)
    wide.set(source, own)
    return { value: own, batched }
  }
  const made: Graph = { inputs: ports, outputs: outputsOf(graph, value) }
  const replacing = (replacements: ReadonlyMap<Value, Value>): Graph => {
    const patch = new Map<Value, Value>()
    for (const [source, replacement] of replacements) {
      const target = operandOf(source).value
      patch.set(target, new Builder(source.node.origin).reshape(replacement, target.type.shape))
    }
    return applyPatch(made, patch)
  }
  return { graph: made, value, replacing }
}

function widened({ name, value }: Port, size: number): Value {
  const { dtype, shape } = value.type
  return createNode('input', [], { name, type: { dtype, shape: [size, ...shape] } }, value.node.origin).results[0]!
}

function outputsOf(graph: Graph, of: Batched['value']): Port[] {
  const counts = countsOf(graph)
  return graph.outputs.map(({ name, value, extents, limit }) => {
    const own = of(value)
    const { origin } = value.node
    if (counts.has(name) && own.batched) {
      fail('A850', 'an output whose length differs between samples cannot be batched', origin && { origin })
    }
    const wide = own.batched ? extents?.map((extent) => ({ ...extent, axis: extent.axis + 1 })) : extents
    return { name, value: own.value, ...(wide && { extents: wide }), ...(limit && { limit }) }
  })
}

class Batching {
  private readonly size: number
  private readonly varying = new Varying()

  constructor(size: number) {
    this.size = size
  }

  /** Adds the results of `nodes`, operands before users, to what is known. */
  rebuild(nodes: readonly Node[], known: Map<Value, Operand>, mask: Value | undefined): void {
    for (const node of nodes) {
      if (known.has(node.results[0]!)) continue
      const operands = node.operands.map((o) => known.get(o)!)
      // What a branch holds that no sample takes was not reached, loops that never end among it.
      const guarded = mask !== undefined && regionsOf(node).length > 0
      const differs = guarded || operands.some(isBatched)
      const results = differs ? this.batched(node, operands, mask) : rebuilt(node, operands)
      node.results.forEach((result, i) => known.set(result, results[i]!))
    }
  }

  private batched(node: Node, operands: readonly Operand[], mask: Value | undefined): readonly Operand[] {
    const context: Context = {
      b: new Builder(node.origin),
      size: this.size,
      mask,
      region: (outputs, inputs, within) => {
        const known = new Map(inputs)
        this.rebuild(topological(outputs), known, within)
        return outputs.map((output) => known.get(output)!)
      },
      loopFlags: (loop, given) => this.varying.loop(loop, given.map(isBatched)),
    }
    return ruleOf(node.op)(context, node, operands)
  }
}

/** A node that no sample changes: itself, or in a region, whose inputs are others, one like it. */
function rebuilt(node: Node, operands: readonly Operand[]): readonly Operand[] {
  const values = operands.map((o) => o.value)
  const unchanged = values.every((value, i) => value === node.operands[i])
  const { results } = unchanged ? node : createNode<OpName>(node.op, values, node.attrs, node.origin)
  return results.map(shared)
}
