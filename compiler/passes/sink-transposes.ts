/**
 * Moves transposes towards the outputs, through every op that can work on the untransposed operand, so that they meet
 * and cancel.
 * Before: any graph. After: a transpose stands only before an op that needs its operand's own axes (a reshape that mixes
 * them, a gather, an output), or where another full operand of a map has other axes.
 */
import { Builder } from '../core/builder.ts'
import { applyPatch, nodesOf, type Graph, type Node, type NodeOf, type Value } from '../core/graph.ts'
import { elementCount, type Shape } from '../core/shape.ts'
import { movesOnlyUnitAxes } from './compose-views.ts'

/** A value as `transpose(inner, perm)`. */
interface Transposed {
  readonly inner: Value
  readonly perm: readonly number[]
}

const permuted = <T>(values: readonly T[], perm: readonly number[]): T[] => {
  const result = new Array<T>(values.length)
  perm.forEach((p, i) => (result[p] = values[i]!))
  return result
}

const samePerm = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((p, i) => p === b[i])

/** `value` with its axes in the order of the inner value: the inverse of `perm`. */
function toInner(b: Builder, value: Value, perm: readonly number[]): Value {
  const { shape } = value.type
  const full = b.reshape(value, [...new Array<number>(perm.length - shape.length).fill(1), ...shape])
  const inverse = permuted(
    perm.map((_, i) => i),
    perm,
  )
  if (movesOnlyUnitAxes(full.type.shape, inverse))
    return b.reshape(
      full,
      inverse.map((i) => full.type.shape[i]!),
    )
  return b.transpose(full, inverse)
}

class Sinker {
  private readonly known = new Map<Value, Transposed>()
  readonly patch = new Map<Value, Value>()

  /** `value` as a transposed one, if it is. */
  private of(value: Value): Transposed | undefined {
    return this.known.get(value)
  }

  private latest(value: Value): Value {
    return this.patch.get(value) ?? value
  }

  visit(node: Node): void {
    const b = new Builder(node.origin)
    const sunk = this.sink(node, b)
    if (!sunk) return
    const [result] = node.results
    const { inner, perm } = sunk
    if (movesOnlyUnitAxes(inner.type.shape, perm)) {
      this.patch.set(result!, b.reshape(inner, result!.type.shape))
      return
    }
    this.known.set(result!, sunk)
    this.patch.set(result!, b.transpose(inner, perm))
  }

  private sink(node: Node, b: Builder): Transposed | undefined {
    if (node.op === 'map') return this.throughMap(node, b)
    if (node.op === 'concatenate') return this.throughConcatenate(node, b)
    const [operand] = node.operands
    if (!operand) return undefined
    const x = this.of(operand)
    if (node.op === 'transpose') {
      if (!x) return { inner: this.latest(operand), perm: node.attrs.perm }
      return { inner: x.inner, perm: node.attrs.perm.map((p) => x.perm[p]!) }
    }
    if (!x) return undefined
    const { inner, perm } = x
    switch (node.op) {
      case 'reduce': {
        const axes = node.attrs.axes.map((a) => perm[a]!)
        const kept = perm.filter((p) => !axes.includes(p))
        const order = [...kept].sort((p, q) => p - q)
        return { inner: b.reduce(node.attrs.kind, inner, axes), perm: kept.map((p) => order.indexOf(p)) }
      }
      case 'reduce_window':
        return { inner: b.reduceWindow(node.attrs.kind, inner, permuted(node.attrs.window, perm)), perm }
      case 'pad': {
        const { low, high } = node.attrs
        return { inner: b.pad(inner, this.latest(node.operands[1]!), permuted(low, perm), permuted(high, perm)), perm }
      }
      case 'slice': {
        const { start, shape, strides } = node.attrs
        return { inner: b.slice(inner, permuted(start, perm), permuted(shape, perm), permuted(strides, perm)), perm }
      }
      case 'gather':
        return this.throughTake(node, b, x)
      case 'reshape':
        return throughReshape(b, x, node.attrs.shape)
      default:
        return undefined
    }
  }

  private throughMap(node: NodeOf<'map'>, b: Builder): Transposed | undefined {
    const rank = node.results[0]!.type.shape.length
    const sunk = node.operands.map((o) => this.of(o))
    const whole = sunk.filter((s): s is Transposed => s !== undefined && s.perm.length === rank)
    const [first] = whole
    if (!first) return undefined
    const { perm } = first
    const operands = this.follow(node, b, sunk, perm)
    if (!operands) return undefined
    return { inner: b.map(operands, () => node.attrs.expr), perm }
  }

  /**
   * The operands in the order of the inner value; undefined where bringing the others there would move more elements than
   * stay where they are.
   */
  private follow(
    node: Node,
    b: Builder,
    sunk: readonly (Transposed | undefined)[],
    perm: readonly number[],
  ): Value[] | undefined {
    const follows = (i: number): boolean => sunk[i] !== undefined && samePerm(sunk[i].perm, perm)
    const size = (v: Value): number => (v.node.op === 'constant' ? 0 : elementCount(v.type.shape))
    const gained = node.operands.reduce((sum, o, i) => sum + (follows(i) ? size(o) : 0), 0)
    const lost = node.operands.reduce((sum, o, i) => sum + (follows(i) || !this.wouldMove(o, perm) ? 0 : size(o)), 0)
    if (lost > gained) return undefined
    return node.operands.map((o, i) => (follows(i) ? sunk[i]!.inner : toInner(b, this.latest(o), perm)))
  }

  /** Whether bringing `value` into the inner order takes a transpose of its own. */
  private wouldMove(value: Value, perm: readonly number[]): boolean {
    const shape = [...new Array<number>(perm.length - value.type.shape.length).fill(1), ...value.type.shape]
    const inverse = permuted(
      perm.map((_, i) => i),
      perm,
    )
    return !movesOnlyUnitAxes(shape, inverse)
  }

  private throughConcatenate(node: NodeOf<'concatenate'>, b: Builder): Transposed | undefined {
    const sunk = node.operands.map((o) => this.of(o))
    const [first] = sunk.filter((s) => s !== undefined)
    if (!first) return undefined
    const { perm } = first
    const operands = this.follow(node, b, sunk, perm)
    if (!operands) return undefined
    return { inner: b.concatenate(operands, perm[node.attrs.axis]!), perm }
  }

  /** Only a take along one axis by a vector of indices keeps the other axes in their order. */
  private throughTake(node: NodeOf<'gather'>, b: Builder, { inner, perm }: Transposed): Transposed | undefined {
    const a = node.attrs
    const rank = perm.length
    const indices = node.operands[1]!
    const [axis] = a.startIndexMap
    const isTake =
      axis !== undefined &&
      indices.type.shape.length === 1 &&
      a.indexVectorDim === 1 &&
      a.collapsedSliceDims.length === 1 &&
      a.collapsedSliceDims[0] === axis &&
      a.startIndexMap.length === 1 &&
      a.operandBatchingDims.length === 0 &&
      a.sliceSizes.every((s, i) => i === axis || s === node.operands[0]!.type.shape[i]) &&
      a.offsetDims.length === rank - 1 &&
      a.offsetDims.every((d, i) => d === (i < axis ? i : i + 1))
    return isTake ? { inner: b.take(inner, this.latest(indices), perm[axis]!), perm } : undefined
  }
}

/**
 * A reshape works on the inner value where each run of axes that it merges or splits stands side by side, in the same
 * order, in the inner value too.
 */
function throughReshape(b: Builder, { inner, perm }: Transposed, shape: Shape): Transposed | undefined {
  const from = perm.map((p) => inner.type.shape[p]!)
  const groups = reshapeGroups(from, shape)
  if (!groups) return undefined
  const runs = groups.map(({ before, after }) => ({ inner: before.map((axis) => perm[axis]!), after }))
  if (runs.some((run) => run.inner.some((axis, i) => i > 0 && axis !== run.inner[i - 1]! + 1))) return undefined
  const sorted = [...runs].sort((p, q) => (p.inner[0] ?? -1) - (q.inner[0] ?? -1))
  const innerAxes = sorted.flatMap((run) => run.after)
  const reshaped = b.reshape(
    inner,
    innerAxes.map((axis) => shape[axis]!),
  )
  return { inner: reshaped, perm: shape.map((_, axis) => innerAxes.indexOf(axis)) }
}

/** Smallest runs of axes of both shapes that hold the same elements; undefined for shapes with a zero. */
function reshapeGroups(from: Shape, to: Shape): { before: number[]; after: number[] }[] | undefined {
  if (from.includes(0) || to.includes(0)) return undefined
  const groups: { before: number[]; after: number[] }[] = []
  let i = 0
  let j = 0
  while (i < from.length || j < to.length) {
    const group = { before: [] as number[], after: [] as number[] }
    let left = 1
    let right = 1
    do {
      if (left <= right && i < from.length) {
        left *= from[i]!
        group.before.push(i++)
      } else if (j < to.length) {
        right *= to[j]!
        group.after.push(j++)
      } else {
        left *= from[i]!
        group.before.push(i++)
      }
    } while (left !== right)
    // An axis of length 1 that is new stays behind the one it follows.
    const isNew = group.before.length === 0 && groups.length > 0
    if (isNew) groups.at(-1)!.after.push(...group.after)
    else groups.push(group)
  }
  return groups
}

export function sinkTransposes(graph: Graph): Graph {
  const sinker = new Sinker()
  for (const node of nodesOf(graph)) sinker.visit(node)
  return applyPatch(graph, sinker.patch)
}
