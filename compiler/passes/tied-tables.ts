/**
 * Stores a table that is looked up in and multiplied by as the product packs it: blocks of eight of its output channels
 * (`schedule/kernels/pack.ts`). The module holds equal constants once.
 * Before: tied weights are one constant (`tied-weights`). After: no table of f32 whose rows are looked up is multiplied by as well.
 */
import { Builder } from '../core/builder.ts'
import { convert } from '../core/scalar/expr.ts'
import * as f from '../core/scalar/formula.ts'
import { applyPatch, nodesOf, type Graph, type Node, type NodeOf, type Value } from '../core/graph.ts'
import { tensor, type Tensor } from '../core/tensor.ts'

/** Output channels of a block. */
const width = 8

/** Which axis of a table has the output channels of the product that it is in. */
type Tables = ReadonlyMap<Value, 0 | 1>

const isTable = ({ node, type }: Value): boolean =>
  node.op === 'constant' && type.dtype === 'f32' && type.shape.length === 2

function tablesOf(nodes: readonly Node[]): Tables {
  const tables = new Map<Value, 0 | 1>()
  for (const node of nodes) {
    if (node.op !== 'dot_general' || node.attrs.rhsBatch.length > 0 || node.attrs.rhsContract.length !== 1) continue
    const table = node.operands[1]!
    if (isTable(table) && !tables.has(table)) tables.set(table, node.attrs.rhsContract[0] === 0 ? 1 : 0)
  }
  return tables
}

/** [blocks, terms, width] of a table whose output channels are axis `channels`, padded with zeros. */
function packed({ shape, data }: Tensor, channels: 0 | 1): Tensor {
  const [rows = 0, columns = 0] = shape
  const [count, terms] = channels === 0 ? [rows, columns] : [columns, rows]
  const [channelStep, termStep] = channels === 0 ? [columns, 1] : [1, columns]
  const blocks = Math.ceil(count / width)
  const result = new Float32Array(blocks * terms * width)
  for (let channel = 0; channel < count; channel++) {
    const at = Math.floor(channel / width) * terms * width + (channel % width)
    for (let term = 0; term < terms; term++)
      result[at + term * width] = data[channel * channelStep + term * termStep] as number
  }
  return tensor('f32', [blocks, terms, width], result)
}

/** The same rows, of the packed table; undefined where something else than whole rows is taken. */
function lookup(node: NodeOf<'gather'>, tables: Tables): Value | undefined {
  const [table, indices] = node.operands
  const { attrs } = node
  const channels = tables.get(table!)
  if (channels === undefined || table!.node.op !== 'constant') return undefined
  const [rows = 0, columns = 0] = table!.type.shape
  const takesRows =
    attrs.collapsedSliceDims.length === 1 &&
    attrs.collapsedSliceDims[0] === 0 &&
    attrs.startIndexMap[0] === 0 &&
    attrs.sliceSizes[1] === columns &&
    attrs.indexVectorDim === indices!.type.shape.length
  if (!takesRows) return undefined

  const b = new Builder(node.origin)
  const { shape } = indices!.type
  const result = node.results[0]!.type.shape
  const row = b.map([indices!], (i) => convert(f.clamp(i!, 0, rows - 1), 'i32'))
  const blocks = b.constant(packed(table!.node.attrs.value, channels))
  const across = { operandBatchingDims: [], startIndicesBatchingDims: [], indexVectorDim: shape.length }
  if (channels === 0) {
    const both = b.map([b.reshape(row, [...shape, 1]), b.vector([0, 1], 'i32')], (i, part) =>
      f.select(f.eq(part!, 0), f.div(i!, width), f.and(i!, width - 1)),
    )
    const attrsOfBoth = { collapsedSliceDims: [0, 2], startIndexMap: [0, 2], sliceSizes: [1, columns, 1] }
    return b.gather(blocks, both, { ...across, ...attrsOfBoth, offsetDims: attrs.offsetDims })
  }
  // Rows are parts of all blocks; the place of their axis in the result is the last in what ONNX's lookups are.
  if (attrs.offsetDims[0] !== result.length - 1) return undefined
  const count = blocks.type.shape[0]!
  const parts = b.gather(blocks, row, {
    ...across,
    ...{ offsetDims: [shape.length, shape.length + 1], collapsedSliceDims: [1], startIndexMap: [1] },
    sliceSizes: [count, 1, width],
  })
  return b.sliceAxis(b.reshape(parts, [...shape, count * width]), shape.length, 0, columns)
}

export function tiedTables(graph: Graph): Graph {
  const nodes = nodesOf(graph)
  const tables = tablesOf(nodes)
  const patch = new Map<Value, Value>()
  for (const node of nodes) {
    const replacement = node.op === 'gather' ? lookup(node, tables) : undefined
    if (replacement) patch.set(node.results[0]!, replacement)
  }
  return applyPatch(graph, patch)
}
