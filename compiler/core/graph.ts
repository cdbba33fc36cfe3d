import { currentBudget } from './diagnostics/budget.ts'
import { fail, type Origin } from './diagnostics/diagnostic.ts'
import { facetsOf, type AttrsOf, type OpName } from './ops/index.ts'
import { formatType, sameType, type TensorType } from './tensor.ts'

/** A result of a node. Values are immutable and belong to any number of graphs. */
export interface Value {
  readonly node: Node
  readonly index: number
  readonly type: TensorType
}

export interface NodeOf<O extends OpName> {
  readonly op: O
  readonly operands: readonly Value[]
  readonly attrs: AttrsOf<O>
  readonly results: readonly Value[]
  /** The node of the user's model that this one computes; undefined for graph inputs. */
  readonly origin: Origin | undefined
}

/** A node of any op; testing `op` narrows `attrs`. */
export type Node = { [O in OpName]: NodeOf<O> }[OpName]

export interface Port {
  readonly name: string
  readonly value: Value
  /** Of an output whose size depends on data: one for each axis that it depends on, in ascending order. */
  readonly extents?: readonly Extent[]
  /** Of an output, an i32[], that tells only whether the run was in vain. */
  readonly limit?: Limit
}

/** What a length that the model computes must be for the results to be right: in [least, most]. */
export interface Limit {
  /** What the model calls it. */
  readonly of: string
  readonly least: number
  readonly most: number
}

/** `count` is the output, an i32[], that says how many elements along `axis` count; behind them stands padding. */
export interface Extent {
  readonly axis: number
  readonly count: string
}

/** SSA: a graph is what its outputs reach. Inputs that nothing uses stay in its signature. */
export interface Graph {
  /** Values of `input` nodes. */
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
}

/** A node and its results. Throws a TypeError where the op does not take these operands. */
export function createNode<O extends OpName>(
  op: O,
  operands: readonly Value[],
  attrs: AttrsOf<O>,
  origin: Origin | undefined,
): NodeOf<O> {
  currentBudget()?.spend('nodes', 1)
  const types = facetsOf(op).type(
    operands.map((o) => o.type),
    attrs,
  )
  const results: Value[] = []
  const node: NodeOf<O> = { op, operands, attrs, results, origin }
  types.forEach((type, index) => results.push({ node: node as Node, index, type }))
  return node
}

/**
 * The nodes that `roots` depend on, operands before users, in an order that depends on the graph alone. Nodes that are
 * `settled` are left out, with what only they need.
 */
export function topological(roots: Iterable<Value>, settled: (node: Node) => boolean = () => false): Node[] {
  const order: Node[] = []
  const state = new Map<Node, 'open' | 'done'>()
  // An explicit stack: graphs are deeper than the call stack.
  const stack: Node[] = [...roots].map((v) => v.node).reverse()
  while (stack.length > 0) {
    const node = stack[stack.length - 1]!
    const known = state.get(node)
    if (known) {
      stack.pop()
      if (known === 'open') {
        state.set(node, 'done')
        order.push(node)
      }
      continue
    }
    state.set(node, 'open')
    for (let i = node.operands.length - 1; i >= 0; i--) {
      const operand = node.operands[i]!.node
      if (!state.has(operand) && !settled(operand)) stack.push(operand)
    }
  }
  return order
}

/** Names of outputs that are not shown: they tell the sizes of others, or whether these are right. */
export const countsOf = ({ outputs }: Graph): ReadonlySet<string> =>
  new Set(
    outputs.flatMap(({ name, extents = [], limit }) => [
      ...extents.map(({ count }) => count),
      ...(limit ? [name] : []),
    ]),
  )

/** Graphs do not change, and each pass asks several times. */
const nodes = new WeakMap<Graph, readonly Node[]>()

/** The graph's nodes, its unused inputs included. */
export function nodesOf(graph: Graph): readonly Node[] {
  const known = nodes.get(graph)
  if (known) return known
  const found = topological([...graph.inputs, ...graph.outputs].map((port) => port.value))
  nodes.set(graph, found)
  return found
}

/** The names of the attributes that are graphs. */
type RegionNames<A> = { [K in keyof A]-?: A[K] extends Graph ? K : never }[keyof A]
type WithRegions = { [O in OpName]: [RegionNames<AttrsOf<O>>] extends [never] ? never : O }[OpName]

/** Every graph in an op's attributes; the type checker asks for all of them. */
const regionNames: { readonly [O in WithRegions]: Readonly<Record<RegionNames<AttrsOf<O>>, true>> } = {
  while: { body: true },
  if: { then: true, otherwise: true },
}

/** The graphs within a node: bodies and branches, which reach nothing outside themselves. */
export function regionsOf({ op, attrs }: Node): readonly Graph[] {
  if (!(op in regionNames)) return []
  const names = Object.keys(regionNames[op as WithRegions])
  return names.map((name) => (attrs as unknown as Readonly<Record<string, Graph>>)[name]!)
}

/** The graph's nodes and those of the regions in it, however deep. */
export const allNodesOf = (graph: Graph): Node[] =>
  nodesOf(graph).flatMap((node) => [node, ...regionsOf(node).flatMap(allNodesOf)])

/** How many operands and outputs refer to each value. */
export function countUses(graph: Graph): Map<Value, number> {
  const uses = new Map<Value, number>()
  const use = (value: Value): void => void uses.set(value, (uses.get(value) ?? 0) + 1)
  for (const node of nodesOf(graph)) node.operands.forEach(use)
  graph.outputs.forEach((port) => use(port.value))
  return uses
}

/** Replacements for values of a graph, of the same types. A replacement may use old values, but not the one it replaces. */
export type Patch = ReadonlyMap<Value, Value>

/** The graph with `patch` applied throughout, replacements included. A601 for a replacement of another type. */
export function applyPatch(graph: Graph, patch: Patch): Graph {
  if (patch.size === 0) return graph
  for (const [{ type, node }, { type: after }] of patch) {
    if (sameType(type, after)) continue
    const origin = node.origin && { origin: node.origin }
    fail('A601', `a ${node.op} ${formatType(type)} would be replaced by ${formatType(after)}`, origin)
  }
  const rebuilt = new Map<Value, Value>()
  const resolve = (value: Value): Value => {
    let target = value
    for (let next = patch.get(target); next !== undefined; next = patch.get(target)) target = next
    return target
  }
  const stack: Value[] = graph.outputs.map((port) => port.value)
  while (stack.length > 0) {
    const value = stack[stack.length - 1]!
    const target = resolve(value)
    if (rebuilt.has(target)) {
      stack.pop()
      continue
    }
    const { node } = target
    const operands = node.operands.map(resolve)
    const missing = operands.filter((o) => !rebuilt.has(o))
    if (missing.length > 0) {
      for (const operand of missing) stack.push(operand)
      continue
    }
    stack.pop()
    const after = operands.map((o) => rebuilt.get(o)!)
    const unchanged = after.every((o, i) => o === node.operands[i])
    const copy = unchanged ? node : createNode<OpName>(node.op, after, node.attrs, node.origin)
    node.results.forEach((result, i) => rebuilt.set(result, copy.results[i]!))
  }
  const outputs = graph.outputs.map((port) => ({ ...port, value: rebuilt.get(resolve(port.value))! }))
  return { inputs: graph.inputs, outputs }
}
