import type { Node, NodeOf, Value } from '../../core/graph.ts'
import type { Index, Place } from '../../core/ops/facets.ts'
import { followedAxis, indicesOf, outputAxisOf, partnersOf, valueAt } from '../../core/analysis/relation.ts'
import { reader, type Tensor } from '../../core/tensor.ts'

export type ProductNode = NodeOf<'convolution'> | NodeOf<'dot_general'>

export const isProduct = (node: Node): node is ProductNode => node.op === 'convolution' || node.op === 'dot_general'

/**
 * A number for each element of a tensor: what it has for the element's place along the first axes plus what it has for that along
 * the others, of which there are `inner.length` at each of the first.
 */
export interface ElementNumbers {
  readonly outer: Int32Array
  readonly inner: Int32Array
}

/** A product by constants, weight by weight; `outputs` has the output channel of each. */
export interface ProductWeights {
  readonly operand: number
  readonly data: Value
  readonly shape: readonly number[]
  readonly values: ArrayLike<number>
  readonly outputs: ElementNumbers
  readonly channels: number
  readonly resultAxis: number
}

/** Undefined where no operand is a constant with output channels along one axis, or where batches have weights of their own. */
export function productWeights(node: ProductNode): ProductWeights | undefined {
  const [lhs, rhs] = node.operands.map((o) => o.node.op === 'constant')
  const operand = rhs ? 1 : lhs && node.op === 'dot_general' ? 0 : undefined
  const output = operand === undefined ? undefined : outputAxisOf(node, operand)
  if (operand === undefined || !output) return undefined
  const { value } = (node.operands[operand]!.node as NodeOf<'constant'>).attrs
  const { shape } = value
  const isBatch = (axis: number): boolean => axis !== output.axis && followedAxis(node, operand, axis) !== undefined
  if (shape.some((length, axis) => length > 1 && isBatch(axis))) return undefined
  const positions = shape.map((length, axis) => Array.from({ length }, (_, i) => (axis === output.axis ? i : 0)))
  return {
    ...{ operand, data: node.operands[1 - operand]!, shape, values: numbersOf(value), outputs: sumsAlong(positions) },
    ...{ channels: shape[output.axis]!, resultAxis: output.resultAxis },
  }
}

/** An axis of the data of which `known` tells something, and the position there that each weight multiplies. */
export function channelsOf<T>(
  node: ProductNode,
  { operand, data }: ProductWeights,
  known: (axis: number) => T | undefined,
): { readonly known: T; readonly positions: ElementNumbers } | undefined {
  for (let axis = 0; axis < data.type.shape.length; axis++) {
    const found = known(axis)
    const partners = found && partnersOf(node, operand, 1 - operand, axis)
    if (found && partners) return { known: found, positions: sumsAlong(partners) }
  }
  return undefined
}

/** The indices over which a product sums, and the value of each that each weight stands at. */
export const contractedWith = (
  node: ProductNode,
  { operand, shape }: ProductWeights,
): readonly { readonly index: Index; readonly values: ElementNumbers }[] =>
  indicesOf(node).flatMap((index) => {
    const place = index.places.find((p) => p.of === 'operand' && p.at === operand)
    const isSummed = index.places.length > 1 && index.places.every((p) => p.of === 'operand')
    return place && isSummed ? [{ index, values: sumsAlong(valuesAlong(place, index, shape)) }] : []
  })

const valuesAlong = (place: Place, { extent }: Index, shape: readonly number[]): number[][] =>
  shape.map((length, axis) => Array.from({ length }, (_, i) => (axis === place.axis ? valueAt(place, extent, i) : 0)))

/** What a convolution's window finds outside its operand; undefined where it stays inside. */
export function paddingOf(node: Node): number | undefined {
  if (node.op !== 'convolution') return undefined
  const outside = node.attrs.window.some((w) => w.low > 0 || w.high > 0 || w.baseDilation > 1)
  return outside ? (node.attrs.padValue ?? 0) : undefined
}

/** Elements over which a loop is long enough. */
const longEnough = 64

/** For each element of a tensor the sum of one number for its position along each axis. */
function sumsAlong(tables: readonly (readonly number[])[]): ElementNumbers {
  let [split, inner] = [tables.length, 1]
  while (split > 0 && inner < longEnough) inner *= tables[--split]!.length
  return { outer: allSums(tables.slice(0, split)), inner: allSums(tables.slice(split)) }
}

function allSums(tables: readonly (readonly number[])[]): Int32Array {
  let sums = Int32Array.of(0)
  for (const table of tables) {
    const next = new Int32Array(sums.length * table.length)
    const steps = Int32Array.from(table)
    for (let i = 0, at = 0; i < sums.length; i++) {
      const base = sums[i]!
      for (let k = 0; k < steps.length; k++) next[at++] = base + steps[k]!
    }
    sums = next
  }
  return sums
}

/** The elements as numbers, in place where they are stored so. */
export function numbersOf(t: Tensor): ArrayLike<number> {
  if (t.data instanceof BigInt64Array || t.data instanceof BigUint64Array) return Float64Array.from(t.data, Number)
  if (t.dtype === 'f32' || t.dtype === 'f64' || !t.dtype.includes('f')) return t.data
  const read = reader(t)
  return Float64Array.from(t.data, (_, i) => Number(read(i)))
}
