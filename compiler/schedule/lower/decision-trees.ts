import { byteSize } from '../../core/scalar/dtype.ts'
import { constantOf } from '../../core/evaluate.ts'
import type { NodeOf, Value } from '../../core/graph.ts'
import { contiguous } from '../program/access.ts'
import { call } from '../program/call.ts'
import { lazyAccess } from './lazy.ts'
import { originOf, type Scheduler } from './scheduler.ts'
import { flag, start } from './products/template.ts'

/** The tables of `decision_trees`, as its operands have them. */
interface Trees {
  readonly thresholds: Float32Array | Float64Array
  readonly features: Int32Array
  readonly next: Int32Array
  readonly missing: Uint8Array
  readonly roots: Int32Array
}

/** A tree's branches, breadth first: the first levels, which every row comes by, stand close together. */
interface Tree {
  readonly branches: readonly number[]
  /** The range of its leaves. */
  readonly first: number
  readonly last: number
}

/** What 15 bits tell apart. */
const narrowLimit = 2 ** 15

function tablesOf(operands: readonly Value[]): Trees {
  const [thresholds, features, next, missing, roots] = operands.map((value) => {
    const known = constantOf(value)
    if (!known) throw new TypeError('decision_trees of tables that are computed')
    return known.data
  })
  return { thresholds, features, next, missing, roots } as Trees
}

function treesOf({ next, features, roots }: Trees, width: number): Tree[] {
  if (features.some((f) => f < 0 || f >= width)) throw new TypeError(`decision_trees of a feature beyond ${width}`)
  const owner = new Int32Array(features.length).fill(-1)
  return Array.from(roots, (root, tree) => {
    const branches: number[] = []
    let first = Infinity
    let last = -1
    const visit = (to: number): void => {
      if (to < 0) {
        first = Math.min(first, -1 - to)
        last = Math.max(last, -1 - to)
      } else if (to >= features.length) throw new TypeError(`decision_trees have no branch ${to}`)
      else if (owner[to] !== tree) {
        owner[to] = tree
        branches.push(to)
      }
    }
    visit(root)
    // A list that grows while it is walked.
    for (const at of branches) {
      visit(next[2 * at]!)
      visit(next[2 * at + 1]!)
    }
    return { branches, first, last }
  })
}

/** The branches as the template reads them, and two i32 for each tree. */
function pack(tables: Trees, trees: readonly Tree[], narrow: boolean): { nodes: Uint8Array; starts: Int32Array } {
  const { thresholds, features, next, missing } = tables
  const wide = thresholds.BYTES_PER_ELEMENT
  const word = narrow ? 2 : 4
  const size = wide + 3 * word
  // A tree without branches gets one whose two ways lead to its leaf.
  const nodes = new Uint8Array(trees.reduce((sum, { branches }) => sum + Math.max(1, branches.length), 0) * size)
  const view = new DataView(nodes.buffer)
  const starts = new Int32Array(2 * trees.length)
  const places = new Int32Array(features.length)
  const put = (at: number, value: number): void =>
    narrow ? view.setUint16(at, value & 0xffff, true) : view.setInt32(at, value, true)
  let at = 0
  trees.forEach(({ branches, first }, tree) => {
    starts.set([at, first], 2 * tree)
    branches.forEach((branch, i) => (places[branch] = i))
    const placeOf = (to: number): number => (to >= 0 ? places[to]! : to + first)
    for (const branch of branches) {
      if (wide === 4) view.setFloat32(at, thresholds[branch]!, true)
      else view.setFloat64(at, thresholds[branch]!, true)
      put(at + wide, features[branch]! | (missing[branch] ? 1 << (8 * word - 1) : 0))
      put(at + wide + word, placeOf(next[2 * branch]!))
      put(at + wide + 2 * word, placeOf(next[2 * branch + 1]!))
      at += size
    }
    if (branches.length > 0) return
    put(at + wide + word, -1)
    put(at + wide + 2 * word, -1)
    at += size
  })
  return { nodes, starts }
}

/** Branches are packed at compile time, in half the space where features, branches and leaves of a tree are few enough. */
export function decisionTrees(s: Scheduler, node: NodeOf<'decision_trees'>): void {
  const [x, ...operands] = node.operands
  const [result] = node.results
  const tables = tablesOf(operands)
  const { dtype, shape } = x!.type
  const [rows, width] = shape as [number, number]
  const trees = treesOf(tables, width)
  const narrow =
    width <= narrowLimit &&
    trees.every(({ branches, first, last }) => branches.length <= narrowLimit && last - first < narrowLimit)
  const leaves = contiguous(s.newBuffer('i32', rows * trees.length), result!.type.shape)
  if (rows * trees.length > 0) {
    const { nodes, starts } = pack(tables, trees, narrow)
    const from = s.forceContiguous(x!)
    const packed = s.constantBuffer('u8', nodes)
    const table = s.constantBuffer('i32', new Uint8Array(starts.buffer))
    const args = {
      x: { buffer: from.buffer, offset: from.offset },
      nodes: start(packed),
      trees: start(table),
      y: start(leaves.buffer),
      rows,
      count: trees.length,
      row: width * byteSize(dtype),
    }
    const holes = { missing: flag(tables.missing.some((m) => m !== 0)) }
    const template = `${dtype === 'f64' ? 'f64' : 'f32'}_trees_${narrow ? 'i16' : 'i32'}` as const
    s.emit(call(template, args, { holes, nodes: originOf(node) }))
  }
  s.define(result!, lazyAccess(leaves, result!.type))
}
