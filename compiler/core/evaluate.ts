import { Budget, currentBudget } from './diagnostics/budget.ts'
import { fail } from './diagnostics/diagnostic.ts'
import { parts } from './scalar/expr.ts'
import { elementCount } from './shape.ts'
import { countsOf, nodesOf, regionsOf, topological, type Graph, type Node, type Value } from './graph.ts'
import { facetsOf, ops } from './ops/index.ts'
import { typeBytes, type Tensor } from './tensor.ts'

/** The values of `roots`, given the values of inputs; everything else is evaluated, plainly and slowly. */
export function evaluateValues(roots: readonly Value[], known: ReadonlyMap<Value, Tensor>): Tensor[] {
  const values = new Map<Value, Tensor>(known)
  for (const node of topological(roots)) {
    if (node.results.every((r) => values.has(r))) continue
    const operands = node.operands.map((o) => values.get(o)!)
    const results = facetsOf(node.op).evaluate(operands, node.attrs, evaluateRegion)
    node.results.forEach((r, i) => values.set(r, results[i]!))
  }
  return roots.map((r) => values.get(r)!)
}

/** The first `count` elements along `axis`. */
function shorten(x: Tensor, axis: number, count: number): Tensor {
  const start = x.shape.map(() => 0)
  return ops.slice.evaluate([x], { start, shape: x.shape.with(axis, count), strides: start.map(() => 1) })[0]!
}

const evaluateRegion = (region: Graph, inputs: readonly Tensor[]): Tensor[] =>
  evaluateValues(
    region.outputs.map((port) => port.value),
    new Map(region.inputs.map(({ value }, i) => [value, inputs[i]!])),
  )

/** The reference: outputs by name from inputs by name. Those of data-dependent size come without padding. */
export function evaluate(graph: Graph, inputs: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  const known = new Map(
    graph.inputs.map(({ name, value }) => [value, inputs[name] ?? fail('A501', `input ${name} is missing`)] as const),
  )
  const results = evaluateValues(
    graph.outputs.map((port) => port.value),
    known,
  )
  const named = new Map(graph.outputs.map(({ name }, i) => [name, results[i]!]))
  const counts = countsOf(graph)
  for (const { name, limit } of graph.outputs) {
    const value = Number(named.get(name)!.data[0])
    if (limit && !(value >= limit.least && value <= limit.most))
      fail('A501', `"${limit.of}" is ${value}; it may be ${limit.least} to ${limit.most}`)
  }
  const shown = graph.outputs.filter(({ name }) => !counts.has(name))
  return Object.fromEntries(
    shown.map(({ name, extents = [] }) => {
      const lengths = extents.map(({ axis, count }) => [axis, Number(named.get(count)!.data[0])] as const)
      return [name, lengths.reduce((value, [axis, count]) => shorten(value, axis, count), named.get(name)!)]
    }),
  )
}

/** Scalar operations that evaluating `node` takes, in round figures: what a budget counts. */
export function workOf(node: Node): number {
  const out = node.results.reduce((sum, r) => sum + elementCount(r.type.shape), 0)
  switch (node.op) {
    case 'dot_general':
      return out * elementCount(node.attrs.lhsContract.map((i) => node.operands[0]!.type.shape[i]!))
    case 'convolution': {
      const kernel = node.operands[1]!.type.shape
      return out * (elementCount(kernel) / Math.max(1, kernel[node.attrs.rhs.output]!))
    }
    case 'reduce_window':
      return out * elementCount(node.attrs.window.map((w) => w.size))
    case 'map':
      return out * parts(node.attrs.expr).length
    case 'while':
      return node.attrs.trips * workOfGraph(node.attrs.body)
    case 'if':
      return Math.max(...regionsOf(node).map(workOfGraph))
    case 'input':
    case 'constant':
    case 'reduce':
    case 'argreduce':
    case 'cumulate':
    case 'reshape':
    case 'transpose':
    case 'broadcast_in_dim':
    case 'slice':
    case 'pad':
    case 'concatenate':
    case 'iota':
    case 'gather':
    case 'scatter':
    case 'sort':
    case 'decision_trees':
      return node.operands.reduce((most, o) => Math.max(most, elementCount(o.type.shape)), out)
  }
}

export const workOfGraph = (graph: Graph): number => nodesOf(graph).reduce((sum, node) => sum + workOf(node), 0)

/** What evaluating a node costs besides its operations. */
const nodeCost = 32

/** What a budget counts for evaluating `node`: in loops everything each time. */
function evaluationCost(node: Node): { operations: number; bytes: number } {
  const bytes = node.results.reduce((sum, r) => sum + typeBytes(r.type), 0)
  const regions = regionsOf(node).map((region) => {
    const costs = nodesOf(region).map(evaluationCost)
    return {
      operations: costs.reduce((sum, c) => sum + c.operations, 0),
      bytes: costs.reduce((sum, c) => sum + c.bytes, 0),
    }
  })
  const times = node.op === 'while' ? node.attrs.trips : 1
  const inner = (of: 'operations' | 'bytes'): number => regions.reduce((most, c) => Math.max(most, c[of]), 0) * times
  const own = regions.length > 0 ? 0 : workOf(node)
  const steps = node.op === 'sort' ? own * (32 - Math.clz32(own)) : own
  return { operations: nodeCost + steps + inner('operations'), bytes: bytes + inner('bytes') }
}

type Known = WeakMap<Value, Tensor | null>

/** What is known of values, by the budget that paid for it. */
const knownWithin = new WeakMap<Budget, Known>()
const knownOutside: Known = new WeakMap()

function knownFor(budget: Budget | undefined): Known {
  if (!budget) return knownOutside
  const known = knownWithin.get(budget) ?? new WeakMap<Value, Tensor | null>()
  knownWithin.set(budget, known)
  return known
}

/**
 * The value if it depends on constants alone and what is left of the current budget suffices to evaluate it, else undefined.
 * Remembers what it found. Where no budget is current, a call has one of its own.
 */
export function constantOf(value: Value): Tensor | undefined {
  if (value.node.op === 'constant') return value.node.attrs.value
  const folded = knownFor(currentBudget())
  const known = folded.get(value)
  if (known !== undefined) return known ?? undefined
  const budget = currentBudget() ?? new Budget(0)
  const resultsOf = (node: Node): readonly (Tensor | null)[] => {
    if (node.op === 'constant') return [node.attrs.value]
    const operands = node.operands.map((o) => folded.get(o) ?? null)
    const foldable = node.op !== 'input' && operands.every((o) => o !== null) && budget.affords(evaluationCost(node))
    return foldable
      ? facetsOf(node.op).evaluate(operands as Tensor[], node.attrs, evaluateRegion)
      : node.results.map(() => null)
  }
  for (const node of topological([value], (n) => folded.has(n.results[0]!))) {
    const results = resultsOf(node)
    node.results.forEach((r, i) => folded.set(r, results[i]!))
  }
  return folded.get(value) ?? undefined
}
