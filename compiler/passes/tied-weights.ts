/**
 * Makes one of constants that are the same matrix, or each other's transposition: an embedding that is the last layer too, an
 * autoencoder whose decoder is its encoder turned round.
 * Before: constants are folded. After: no two large f32 matrices, at least one of which is multiplied by, hold the same, and a
 * product contracts that axis of what is left which has its terms.
 */
import { Builder } from '../core/builder.ts'
import { applyPatch, nodesOf, type Graph, type NodeOf, type Value } from '../core/graph.ts'
import type { Tensor } from '../core/tensor.ts'

/** Smaller ones are not worth looking for. */
const smallestMatrix = 1 << 10

const samples = 16

type Matrix = Pick<Tensor, 'data'> & { readonly rows: number; readonly columns: number; readonly turned: boolean }

function matrixOf(value: Value, turned: boolean): Matrix | undefined {
  const { node, type } = value
  if (node.op !== 'constant' || type.dtype !== 'f32' || type.shape.length !== 2) return undefined
  const [first = 0, second = 0] = type.shape
  if (first * second < smallestMatrix) return undefined
  const [rows, columns] = turned ? [second, first] : [first, second]
  return { data: node.attrs.value.data, rows, columns, turned }
}

const element = ({ data, rows, columns, turned }: Matrix, row: number, column: number): number =>
  Number(data[turned ? column * rows + row : row * columns + column])

/** Equal for equal matrices; a few elements, since most matrices differ everywhere. */
function keyOf(m: Matrix): string {
  const some = Array.from({ length: samples }, (_, i) => element(m, (i * 7919) % m.rows, (i * 104_729) % m.columns))
  return [m.rows, m.columns, ...some].join()
}

function same(a: Matrix, b: Matrix): boolean {
  for (let row = 0; row < a.rows; row++)
    for (let column = 0; column < a.columns; column++)
      if (!Object.is(element(a, row, column), element(b, row, column))) return false
  return true
}

/** A product of matrices by the constant `weights`, turned round. */
function withTurned(node: NodeOf<'dot_general'>, weights: Value): Value {
  const { attrs, operands, origin } = node
  const rhsContract = attrs.rhsContract.map((axis) => 1 - axis)
  return new Builder(origin).dotGeneral(operands[0]!, weights, { ...attrs, rhsContract })
}

export function tiedWeights(graph: Graph): Graph {
  const patch = new Map<Value, Value>()
  const nodes = nodesOf(graph)
  const isProduct = (node: (typeof nodes)[number]): node is NodeOf<'dot_general'> =>
    node.op === 'dot_general' && node.attrs.rhsBatch.length === 0 && node.attrs.rhsContract.length === 1
  /** The first of each key: one comparison for each constant, whatever they hold. */
  const known = new Map<string, Value>()
  const find = (value: Value, turned: boolean): Value | undefined => {
    const m = matrixOf(value, turned)
    const candidate = m && known.get(keyOf(m))
    return candidate && candidate !== value && same(m, matrixOf(candidate, false)!) ? candidate : undefined
  }
  const remember = (value: Value): void => {
    const m = matrixOf(value, false)
    if (m && !known.has(keyOf(m))) known.set(keyOf(m), value)
  }
  // What others read stays as it is: products take it either way.
  for (const node of nodes) if (node.op === 'gather') remember(node.operands[0]!)
  for (const node of nodes) {
    if (!isProduct(node)) continue
    const weights = node.operands[1]!
    const twin = find(weights, false)
    if (twin) {
      patch.set(weights, twin)
      continue
    }
    const turned = find(weights, true)
    if (turned) patch.set(node.results[0]!, withTurned(node, turned))
    else remember(weights)
  }
  return applyPatch(graph, patch)
}
