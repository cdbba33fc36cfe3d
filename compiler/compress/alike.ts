/**
 * Decisions on a model at one shape, taken for the same model at another: graphs of one model have the same nodes where its shapes do not change
 * what they are, one for one in the order of `nodesOf`.
 */
import { Builder } from '../core/builder.ts'
import { applyPatch, createNode, nodesOf, type Graph, type Node, type Value } from '../core/graph.ts'
import type { OpName } from '../core/ops/index.ts'
import { bytesOf } from '../core/tensor.ts'
import { unlikeGraphs } from './errors.ts'
import { layersOf, type Layer } from './layers.ts'
import type { Plan } from './plan.ts'
import { rewrite, type Decisions } from './rewrite.ts'

/** Constants may be shared by nodes in one graph and not in the other. */
const computed = (graph: Graph): Node[] => nodesOf(graph).filter(({ op }) => op !== 'constant')

const isConstant = ({ node }: Value): boolean => node.op === 'constant'

/** The values of `from` and what they are in `to`. A506 where the graphs are not alike. */
function valuesOf(from: Graph, to: Graph): Map<Value, Value> {
  const [ours, theirs] = [computed(from), computed(to)]
  const found = new Map<Value, Value>()
  const place = new Map(theirs.map((node, i) => [node, i]))
  const own = new Map(ours.map((node, i) => [node, i]))
  for (const [i, node] of ours.entries()) {
    const other = theirs[i]
    const same =
      other?.op === node.op &&
      other.operands.length === node.operands.length &&
      node.operands.every((operand, o) => {
        const twin = other.operands[o]!
        if (isConstant(operand) || isConstant(twin)) return isConstant(operand) && isConstant(twin)
        return own.get(operand.node) === place.get(twin.node) && operand.index === twin.index
      })
    if (!same) unlikeGraphs(node.origin ?? other?.origin)
    node.operands.forEach((operand, o) => found.set(operand, other.operands[o]!))
    node.results.forEach((result, r) => found.set(result, other.results[r]!))
  }
  if (ours.length !== theirs.length) unlikeGraphs(theirs[ours.length]?.origin)
  return found
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i])

/** `to`, which is alike `before`, with the constants that `after` has in place of those of `before`. */
function withConstants(to: Graph, before: Graph, after: Graph): Graph {
  if (before === after) return to
  const [olds, news, others] = [before, after, to].map(computed) as [Node[], Node[], Node[]]
  const patch = new Map<Value, Value>()
  for (const [i, { operands, origin }] of news.entries()) {
    const other = others[i]!
    const changed = operands.map(({ node }, o) => {
      const own = other.operands[o]!
      const old = olds[i]!.operands[o]!.node
      if (node.op !== 'constant' || old.op !== 'constant' || own.node.op !== 'constant' || node === old) return own
      if (!sameBytes(bytesOf(own.node.attrs.value), bytesOf(old.attrs.value))) unlikeGraphs(origin)
      return new Builder(origin).constant(node.attrs.value)
    })
    if (changed.every((operand, o) => operand === other.operands[o])) continue
    const copy = createNode<OpName>(other.op, changed, other.attrs, other.origin)
    other.results.forEach((result, r) => patch.set(result, copy.results[r]!))
  }
  return applyPatch(to, patch)
}

/** What was decided on a graph, of which `equalized` is what it was decided on. */
export interface Decided {
  readonly graph: Graph
  readonly equalized: Graph
  readonly plan: Plan
  readonly decisions: Decisions
}

/**
 * The quantized graph of `to`, whose passes have run, by what was decided on a graph of the same model at another shape: integers of weights, scales and
 * corrections are the same. A506 where the two do not have the same nodes.
 */
export function quantizedAlike(to: Graph, { graph, equalized, plan, decisions }: Decided): Graph {
  valuesOf(graph, to)
  const target = withConstants(to, graph, equalized)
  const values = valuesOf(equalized, target)
  const layers = new Map<Layer, Layer>()
  const byNode = new Map<Node, Layer>(layersOf(target).map((layer) => [layer.node, layer]))
  for (const layer of plan.layers) {
    const { node } = values.get(layer.node.results[0]!)!
    layers.set(layer, byNode.get(node) ?? unlikeGraphs(node.origin))
  }
  const decidedOn = computed(equalized)
  const nodes = new Map(computed(target).map((node, i) => [node, decidedOn[i]!]))
  const ofLayers = <T>(known: ReadonlyMap<Layer, T> | undefined): Map<Layer, T> =>
    new Map([...(known ?? [])].flatMap(([layer, it]) => (layers.has(layer) ? [[layers.get(layer)!, it]] : [])))
  const ofValues = <T>(known: ReadonlyMap<Value, T>): Map<Value, T> =>
    new Map([...known].map(([value, it]) => [values.get(value)!, it]))
  return rewrite(
    target,
    {
      layers: [...layers.values()],
      stored: new Map([...plan.stored].map(([value, root]) => [values.get(value)!, values.get(root)!])),
      moved: new Set([...plan.moved].map((value) => values.get(value)!)),
      reads: (node, i) => plan.reads(nodes.get(node)!, i),
    },
    {
      parameters: ofValues(decisions.parameters),
      bits: ofLayers(decisions.bits),
      weights: ofLayers(decisions.weights),
      corrections: ofLayers(decisions.corrections),
      biases: ofLayers(decisions.biases),
    },
  )
}
