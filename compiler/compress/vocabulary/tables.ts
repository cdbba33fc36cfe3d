import { isFloat } from '../../core/scalar/dtype.ts'
import type { Executor } from '../../core/executor.ts'
import { allNodesOf, nodesOf, topological, type Graph, type Node, type NodeOf, type Value } from '../../core/graph.ts'
import { toNumbers, type Tensor } from '../../core/tensor.ts'
import type { Progress, Sample } from '../calibrate.ts'

/** A constant of which rows are looked up by places that depend on inputs. */
export interface Table {
  readonly value: Value
  readonly tensor: Tensor
  /** The axis that rows are positions of. */
  readonly axis: number
  readonly lookups: readonly NodeOf<'gather'>[]
  /** A node that takes the table as a whole, such as a product with it at the end of a model; undefined where none does. */
  readonly otherUse: Node | undefined
}

export const rowsOf = ({ tensor, axis }: Pick<Table, 'tensor' | 'axis'>): number => tensor.shape[axis]!

/** What a table is looked up by. */
export const placesOf = ({ lookups }: Table): Value[] => [...new Set(lookups.map(({ operands }) => operands[1]!))]

/** The axis along which a node takes rows of a constant of floats; undefined where it does not. */
function lookupAxis(node: Node): number | undefined {
  if (node.op !== 'gather') return undefined
  const { startIndexMap, collapsedSliceDims, indexVectorDim } = node.attrs
  const [table, indices] = node.operands as [Value, Value]
  const isPlain =
    startIndexMap.length === 1 && collapsedSliceDims.length === 1 && indexVectorDim === indices.type.shape.length
  const isTable = table.node.op === 'constant' && isFloat(table.type.dtype)
  return isPlain && isTable && collapsedSliceDims[0] === startIndexMap[0] ? startIndexMap[0] : undefined
}

/** The tables of a graph. Lookups within loops and branches are other uses. */
export function tablesOf(graph: Graph): Table[] {
  const varying = new Set<Node>()
  const lookups = new Map<Value, NodeOf<'gather'>[]>()
  for (const node of nodesOf(graph)) {
    if (node.op === 'input' || node.operands.some((o) => varying.has(o.node))) varying.add(node)
    if (node.op !== 'gather' || lookupAxis(node) === undefined || !varying.has(node)) continue
    const known = lookups.get(node.operands[0]!)
    if (known) known.push(node)
    else lookups.set(node.operands[0]!, [node])
  }
  const others = new Map<Value, Node>()
  for (const node of allNodesOf(graph)) {
    node.operands.forEach((value, at) => {
      const own = at === 0 && lookups.get(value)
      const isLookup = own && own.some((each) => each === node) && lookupAxis(node) === lookupAxis(own[0]!)
      if (!isLookup && lookups.has(value)) others.set(value, node)
    })
  }
  for (const { value } of graph.outputs) if (lookups.has(value)) others.set(value, value.node)
  return [...lookups].map(([value, own]) => ({
    ...{ value, tensor: (value.node as NodeOf<'constant'>).attrs.value, axis: lookupAxis(own[0]!)! },
    ...{ lookups: own, otherUse: others.get(value) },
  }))
}

/** The inputs that values depend on. */
export function sourcesOf(graph: Graph, values: readonly Value[]): Graph['inputs'] {
  const reached = new Set(topological(values))
  return graph.inputs.filter(({ value }) => reached.has(value.node))
}

/** For each table which of its rows are read, as flags. A place outside reads the nearest row, as gather does. */
export async function readRows(
  graph: Graph,
  tables: readonly Table[],
  samples: readonly Sample[],
  executor: Executor,
  progress: Progress,
): Promise<Uint8Array[]> {
  const places = [...new Set(tables.flatMap(placesOf))]
  const outputs = places.map((value, i) => ({ name: `${i}`, value }))
  const run = await executor.prepare({ inputs: sourcesOf(graph, places), outputs })
  const read = tables.map((table) => new Uint8Array(rowsOf(table)))
  for (const [s, sample] of samples.entries()) {
    progress('reading ids', s, samples.length)
    const found = run(sample)
    const ids = new Map(places.map((value, i) => [value, toNumbers(found[`${i}`]!)]))
    tables.forEach((table, t) => {
      const last = rowsOf(table) - 1
      for (const place of placesOf(table))
        for (const id of ids.get(place)!) read[t]![Math.max(0, Math.min(last, id))] = 1
    })
  }
  return read
}
