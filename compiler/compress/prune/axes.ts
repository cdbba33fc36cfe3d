import type { Value } from '../../core/graph.ts'
import type { Index, Place } from '../../core/ops/facets.ts'
import { facetsOf } from '../../core/ops/index.ts'
import { isSingle, valueAt } from '../../core/analysis/relation.ts'
import type { Related } from './loops.ts'

/** A place of an index in an axis. */
export interface Standing {
  readonly index: Index
  readonly place: Place
}

/** Whether what stays of an axis is as even as all of it: not so under a window or a stride. */
export const isEven = (place: Place): boolean => isSingle(place) && Math.abs(place.stride) === 1

/** A relation that has an axis among those of its operands and results. */
interface Use {
  readonly related: Related
  readonly standing: readonly Standing[]
}

/** An axis of a value, and who has it. */
export interface Axis {
  readonly value: Value
  readonly axis: number
  readonly length: number
  readonly uses: readonly Use[]
}

/** All axes of the values of a graph, with the indices that stand in them. */
export class Axes {
  private readonly byValue = new Map<Value, readonly Axis[]>()
  private readonly shortens = new Map<Index, boolean>()

  constructor(all: readonly Related[]) {
    const uses = new Map<Value, Use[][]>()
    const add = (related: Related, of: Place['of'], at: number, value: Value): void => {
      const own = uses.get(value) ?? value.type.shape.map((): Use[] => [])
      uses.set(value, own)
      const standing = value.type.shape.map((): Standing[] => [])
      for (const index of related.indices) {
        for (const place of index.places)
          if (place.of === of && place.at === at) standing[place.axis]!.push({ index, place })
      }
      standing.forEach((list, axis) => own[axis]!.push({ related, standing: list }))
    }
    for (const related of all) {
      const { node, operands, results } = related
      operands.forEach((value, at) => add(related, 'operand', at, value))
      if (node?.op === 'input' || node?.op === 'constant') continue
      results.forEach((value, at) => add(related, 'result', at, value))
    }
    for (const value of all.flatMap(({ results }) => results)) {
      const { shape } = value.type
      this.byValue.set(
        value,
        shape.map((length, axis): Axis => ({ value, axis, length, uses: uses.get(value)?.[axis] ?? [] })),
      )
    }
  }

  of(value: Value, axis: number): Axis {
    return this.byValue.get(value)![axis]!
  }

  at({ operands, results }: Related, { of, at, axis }: Place): Axis {
    return this.of((of === 'operand' ? operands : results)[at]!, axis)
  }

  /** Whether values of the index can go. */
  canShorten(related: Related, index: Index): boolean {
    const known = this.shortens.get(index) ?? this.findShortens(related, index)
    this.shortens.set(index, known)
    return known
  }

  private findShortens({ node }: Related, { extent, places }: Index): boolean {
    if (extent < 2 || !places.every(isEven)) return false
    if (!node) return true
    const left = (of: Place['of'], at: number, axis: number, length: number): number[] | undefined => {
      const place = places.find((p) => p.of === of && p.at === at && p.axis === axis)
      return place && Array.from({ length }, (_, i) => i).filter((i) => valueAt(place, extent, i) !== 0)
    }
    const side = (of: Place['of'], list: readonly Value[]) =>
      list.map(({ type }, at) => type.shape.map((length, axis) => left(of, at, axis, length)))
    const kept = { operands: side('operand', node.operands), results: side('result', node.results) }
    const types = node.operands.map((o) => o.type)
    return facetsOf(node.op).keep(types, node.attrs, kept) !== undefined
  }
}

/** The positions of its axis at which value `value` of an index stands. */
export function positionsAt({ length, inner, offset, stride }: Place, axisLength: number, value: number): number[] {
  const first = (offset + stride * value) * inner
  const positions: number[] = []
  for (let outer = 0; outer < axisLength; outer += length * inner)
    for (let i = 0; i < inner; i++) positions.push(outer + first + i)
  return positions
}
