import type { Node } from '../graph.ts'
import { facetsOf } from '../ops/index.ts'
import type { Index, Place } from '../ops/facets.ts'

const known = new WeakMap<Node, readonly Index[]>()

/** The index relation of a node (core/ops/facets.ts). */
export function indicesOf(node: Node): readonly Index[] {
  const found = known.get(node)
  if (found) return found
  const types = node.operands.map((o) => o.type)
  const indices = facetsOf(node.op).indices(types, node.attrs)
  known.set(node, indices)
  return indices
}

/** Whether a value stands at each of its places alone: not so under a window. */
export const isSingle = ({ size = 1 }: Place): boolean => size === 1

export const isAt = (place: Place, of: Place['of'], at: number, axis: number): boolean =>
  place.of === of && place.at === at && place.axis === axis

/** Where the index stands in an axis; undefined where it does not. */
export const placeIn = ({ places }: Index, of: Place['of'], at: number, axis: number): Place | undefined =>
  places.find((place) => isAt(place, of, at, axis))

/** The value of the index that is at a position of the place's axis, or -1. */
export function valueAt({ length, inner, offset, stride }: Place, extent: number, position: number): number {
  const value = ((Math.floor(position / inner) % length) - offset) / stride
  return Number.isInteger(value) && value >= 0 && value < extent ? value : -1
}

/** Positions of an axis, ascending, at which one of the values of the index is. */
export function positionsOf(
  place: Place,
  extent: number,
  axisLength: number,
  has: (value: number) => boolean,
): number[] {
  const positions: number[] = []
  for (let i = 0; i < axisLength; i++) {
    const value = valueAt(place, extent, i)
    if (value >= 0 && has(value)) positions.push(i)
  }
  return positions
}

/** The axis of a result that an axis of an operand is, position by position: all that stands in one stands in the other. */
export function followedAxis(node: Node, operand: number, axis: number): number | undefined {
  const length = node.operands[operand]!.type.shape[axis]!
  const found = indicesOf(node).filter((index) => placeIn(index, 'operand', operand, axis))
  const covered = found.reduce((product, { extent }) => product * extent, 1)
  const targets = found.map(({ places }) => places.find((p) => p.of === 'result'))
  const [first] = targets
  if (!first || covered !== length || node.results[first.at]!.type.shape[first.axis] !== length) return undefined
  const same = found.every((index, i) => {
    const [from, to] = [placeIn(index, 'operand', operand, axis)!, targets[i]]
    const alike = to && to.axis === first.axis && to.inner === from.inner && to.length === from.length
    return alike && isSingle(from) && from.offset === to.offset && from.stride === to.stride
  })
  return same ? first.axis : undefined
}

/** The axis of operand `operand`, a product's weights, that its output channels are along, and where the result has them. */
export interface OutputAxis {
  readonly axis: number
  readonly resultAxis: number
}

/** Undefined where there is not one such axis. An axis that other operands have too (of batches) counts if there is no other. */
export function outputAxisOf(node: Node, operand: number): OutputAxis | undefined {
  const followed = node.operands[operand]!.type.shape.flatMap((_, axis) => {
    const resultAxis = followedAxis(node, operand, axis)
    return resultAxis === undefined ? [] : [{ axis, resultAxis }]
  })
  const isOwn = ({ axis }: OutputAxis): boolean =>
    indicesOf(node).some(
      (index) =>
        placeIn(index, 'operand', operand, axis) && !index.places.some((p) => p.of === 'operand' && p.at !== operand),
    )
  const chosen = followed.length > 1 ? followed.filter(isOwn) : followed
  return chosen.length === 1 ? chosen[0] : undefined
}

/**
 * What two operands have in common along `axis` of operand `to`: the position there that an element of operand `from` is
 * combined with is the sum of one number for each of `from`'s axes, by its position along that. Undefined where several
 * positions meet one element.
 */
export function partnersOf(
  node: Node,
  from: number,
  to: number,
  axis: number,
): readonly (readonly number[])[] | undefined {
  const shared = indicesOf(node).filter((index) => placeIn(index, 'operand', to, axis))
  const covered = shared.reduce((product, { extent }) => product * extent, 1)
  if (shared.length === 0 || covered !== node.operands[to]!.type.shape[axis]!) return undefined
  const partners = node.operands[from]!.type.shape.map((length) => new Array<number>(length).fill(0))
  for (const index of shared) {
    const own = index.places.find((p) => p.of === 'operand' && p.at === from)
    const theirs = placeIn(index, 'operand', to, axis)!
    if (!own || !isSingle(own) || !isSingle(theirs)) return undefined
    const along = partners[own.axis]!
    for (let i = 0; i < along.length; i++) {
      along[i]! += (theirs.offset + theirs.stride * valueAt(own, index.extent, i)) * theirs.inner
    }
  }
  return partners
}
