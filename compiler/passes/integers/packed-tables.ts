/**
 * Stores tables of integers of 4 bits that are looked up two to a byte: the first half of a row in the lower halves of the
 * bytes, the second in the upper.
 * Before: any graph. After: no large constant of 4 bits is looked up along an axis before its last, where rows have an even
 * number of elements that are taken whole.
 */
import { Builder } from '../../core/builder.ts'
import { convert, type Expr } from '../../core/scalar/expr.ts'
import * as f from '../../core/scalar/formula.ts'
import { applyPatch, nodesOf, type Graph, type NodeOf, type Value } from '../../core/graph.ts'
import { tensor, type Tensor } from '../../core/tensor.ts'

/** Smaller tables are not worth the halves' way back. */
const smallestTable = 1 << 10

const isPackable = ({ dtype, shape, data }: Tensor): boolean =>
  (dtype === 'i4' || dtype === 'u4') && shape.at(-1)! % 2 === 0 && data.length >= smallestTable

/** Bytes of both halves of each row; negative numbers have their bits. */
function packed({ shape, data }: Tensor): Tensor {
  const row = shape.at(-1)!
  const half = row / 2
  const bytes = Uint8Array.from({ length: data.length / 2 }, (_, i) => {
    const at = Math.floor(i / half) * row + (i % half)
    return (Number(data[at]) & 15) | ((Number(data[at + half]) & 15) << 4)
  })
  return tensor('u8', [...shape.slice(0, -1), half], bytes)
}

function lookup(node: NodeOf<'gather'>): Value | undefined {
  const [table, indices] = node.operands
  if (table!.node.op !== 'constant' || !isPackable(table!.node.attrs.value)) return undefined
  const { attrs } = node
  const [result] = node.results
  const last = table!.type.shape.length - 1
  const resultLast = result!.type.shape.length - 1
  const takesRows =
    attrs.sliceSizes[last] === table!.type.shape[last] &&
    attrs.offsetDims.at(-1) === resultLast &&
    ![attrs.collapsedSliceDims, attrs.operandBatchingDims, attrs.startIndexMap].some((axes) => axes.includes(last))
  if (!takesRows) return undefined
  const b = new Builder(node.origin)
  const half = table!.type.shape[last]! / 2
  const bytes = b.gather(b.constant(packed(table!.node.attrs.value)), indices!, {
    ...attrs,
    sliceSizes: attrs.sliceSizes.with(last, half),
  })
  const { dtype } = result!.type
  // Shifts have no vector code, multiplication by a power of two in floats has.
  const lower = (e: Expr): Expr => convert(f.and(e, 15), 'i32')
  const upper = (e: Expr): Expr => convert(f.mul(convert(f.and(e, 240), 'f32'), 1 / 16), 'i32')
  const half4 = (of: (e: Expr) => Expr): Value => b.map([bytes], (e) => convert(of(e!), dtype))
  return b.concatenate([half4(lower), half4(upper)], resultLast)
}

export function packedTables(graph: Graph): Graph {
  const patch = new Map<Value, Value>()
  for (const node of nodesOf(graph)) {
    const replacement = node.op === 'gather' ? lookup(node) : undefined
    if (replacement) patch.set(node.results[0]!, replacement)
  }
  return applyPatch(graph, patch)
}
