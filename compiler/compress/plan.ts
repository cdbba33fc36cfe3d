/**
 * Decides which values are stored as integers, given the layers that compute with integers. Demand starts at the layers'
 * operands and goes back to the layers before: through ops that only move or select elements (which then work on
 * integers and keep the parameters), through maps (which read integers and give integers), up to sums, which stay as
 * they are accumulated. Where nothing after a value is quantized, nothing is: the way to the outputs stays in f32.
 */
import { constantOf } from '../core/evaluate.ts'
import { nodesOf, type Graph, type Node, type Value } from '../core/graph.ts'
import { elementCount } from '../core/shape.ts'
import type { Layer } from './layers.ts'

export interface Plan {
  readonly layers: readonly Layer[]
  /** The values stored as integers, each with the first value of those that share its scale and zero point. */
  readonly stored: ReadonlyMap<Value, Value>
  /** Of the stored values, those that an op computes on integers: it only moves or selects elements. */
  readonly moved: ReadonlySet<Value>
  /** Whether `node` reads operand `i` as integers. */
  readonly reads: (node: Node, i: number) => boolean
}

/** Operands whose elements `node` moves or selects from, if that is all it does with them. */
function movedOperands(node: Node): readonly number[] | undefined {
  switch (node.op) {
    case 'reshape':
    case 'transpose':
    case 'slice':
    case 'broadcast_in_dim':
    case 'gather':
      return [0]
    case 'pad':
      return constantOf(node.operands[1]!) ? [0] : undefined
    case 'concatenate':
      return node.operands.map((_, i) => i)
    case 'reduce':
    case 'reduce_window':
      return node.attrs.kind === 'max' || node.attrs.kind === 'min' ? [0] : undefined
    default:
      return undefined
  }
}

const isView = (node: Node): boolean =>
  node.op === 'reshape' || node.op === 'transpose' || node.op === 'slice' || node.op === 'broadcast_in_dim'

const isSum = (node: Node): boolean =>
  node.op === 'dot_general' ||
  node.op === 'convolution' ||
  ((node.op === 'reduce' || node.op === 'reduce_window') && node.attrs.kind === 'add')

/** Whether a value is a sum as it is accumulated, perhaps seen through views: a map over it is its epilogue. */
function isAccumulated(value: Value): boolean {
  let { node } = value
  while (isView(node)) node = node.operands[0]!.node
  return isSum(node)
}

/** Values that a reduction and maps after it give, without a layer in between: statistics of a normalization. */
function statistics(graph: Graph): (value: Value) => boolean {
  const found = new Set<Value>()
  for (const node of nodesOf(graph)) {
    const is = node.op === 'reduce' || ((node.op === 'map' || isView(node)) && node.operands.some((o) => found.has(o)))
    if (is) node.results.forEach((r) => found.add(r))
  }
  return (value) => found.has(value)
}

const isFloat = (value: Value): boolean => value.type.dtype === 'f32'

/** The plan for `layers` of `graph`; `unfit` are values that no integers represent. */
export function planOf(graph: Graph, layers: readonly Layer[], unfit: ReadonlySet<Value> = new Set()): Plan {
  const layerOf = new Map<Node, Layer>(layers.map((layer) => [layer.node as Node, layer]))
  const isStatistic = statistics(graph)
  const wanted = new Set<Value>()
  const summed = new Set<Value>()
  const reads = new Map<Node, Set<number>>()
  const moved = new Set<Value>()
  const parent = new Map<Value, Value>()
  const rootOf = (value: Value): Value => {
    let root = value
    for (let next = parent.get(root); next !== undefined; next = parent.get(root)) root = next
    return root
  }
  const want = (node: Node, i: number): void => {
    const operand = node.operands[i]!
    if (!isFloat(operand) || unfit.has(operand)) return
    wanted.add(operand)
    reads.set(node, (reads.get(node) ?? new Set()).add(i))
  }

  /** Operands of a map that it reads as integers; sums stay accumulated. */
  const throughMap = (node: Node): void => {
    const size = elementCount(node.results[0]!.type.shape)
    const own = node.operands.filter((o) => o.node.op !== 'constant')
    if (own.some((o) => own.length > 1 && elementCount(o.type.shape) < size && isStatistic(o))) return
    node.operands.forEach((operand, i) => {
      if (operand.node.op === 'constant' || elementCount(operand.type.shape) === 1) return
      if (isAccumulated(operand)) summed.add(operand)
      else want(node, i)
    })
  }

  for (const node of nodesOf(graph).toReversed()) {
    const layer = layerOf.get(node)
    layer?.data.forEach((i) => want(node, i))
    const [result] = node.results
    const operands = layer || !result || !isFloat(result) ? undefined : movedOperands(node)
    if (result && wanted.has(result)) {
      if (operands && operands.every((i) => !unfit.has(node.operands[i]!))) {
        operands.forEach((i) => want(node, i))
        moved.add(result)
        for (const i of operands) {
          const [a, b] = [rootOf(node.operands[i]!), rootOf(result)]
          if (a !== b) parent.set(b, a)
        }
      } else if (node.op === 'map') throughMap(node)
      else if (isSum(node) && !layer && node.op.startsWith('reduce')) want(node, 0)
    } else if (result && summed.has(result)) {
      if (isView(node)) summed.add(node.operands[0]!)
      else if (node.op.startsWith('reduce')) want(node, 0)
    }
  }
  return {
    layers,
    stored: new Map([...wanted].map((value) => [value, rootOf(value)])),
    moved,
    reads: (node, i) => reads.get(node)?.has(i) ?? false,
  }
}
