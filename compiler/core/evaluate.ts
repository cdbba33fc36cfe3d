import { fail } from './diagnostic.ts'
import { parts } from './expr.ts'
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
  const shown = graph.outputs.filter(({ name }) => !counts.has(name))
  return Object.fromEntries(
    shown.map(({ name, extent }) => {
      const value = named.get(name)!
      return [name, extent ? shorten(value, extent.axis, Number(named.get(extent.count)!.data[0])) : value]
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
      return Math.max(out, ...node.operands.map((o) => elementCount(o.type.shape)))
  }
}

export const workOfGraph = (graph: Graph): number => nodesOf(graph).reduce((sum, node) => sum + workOf(node), 0)

/** What constant evaluation may cost before it is given up. */
export const foldLimits = { operations: 1 << 26, bytes: 1 << 28 }

const folded = new WeakMap<Value, Tensor | null>()

/** The value if it depends on constants alone and is cheap enough to evaluate, else undefined. Remembers what it found. */
export function constantOf(value: Value): Tensor | undefined {
  const known = folded.get(value)
  if (known !== undefined) return known ?? undefined
  for (const node of topological([value], (n) => folded.has(n.results[0]!))) {
    const operands = node.operands.map((o) => folded.get(o) ?? null)
    const bytes = node.results.reduce((sum, r) => sum + typeBytes(r.type), 0)
    const cheap = workOf(node) <= foldLimits.operations && bytes <= foldLimits.bytes
    const foldable = node.op !== 'input' && operands.every((o) => o !== null) && (node.op === 'constant' || cheap)
    const results = foldable
      ? facetsOf(node.op).evaluate(operands as Tensor[], node.attrs, evaluateRegion)
      : node.results.map(() => null)
    node.results.forEach((r, i) => folded.set(r, results[i]!))
  }
  return folded.get(value) ?? undefined
}
