import type { Builder } from '../../core/builder.ts'
import { constantOf } from '../../core/evaluate.ts'
import * as f from '../../core/scalar/formula.ts'
import type { Value } from '../../core/graph.ts'
import type { Item } from '../item.ts'

/** `updates` put into `x`, a vector, at `places`; those outside are left out. */
export const scatterVector = (
  b: Builder,
  x: Value,
  places: Value,
  updates: Value,
  kind: 'set' | 'add' = 'set',
): Value =>
  b.scatter(x, places, updates, {
    kind,
    updateWindowDims: [],
    insertedWindowDims: [0],
    inputBatchingDims: [],
    scatterIndicesBatchingDims: [],
    scatterDimsToOperandDims: [0],
    indexVectorDim: 1,
  })

/** Some places of a vector: i32, in order, with zeros behind them, and their number, i32[]. */
export interface Places {
  readonly places: Value
  readonly count: Value
}

/** Where `holds`, a vector of bool, is true. */
export function placesOf(b: Builder, holds: Value): Places {
  const [n = 0] = holds.type.shape
  const flags = b.convert(holds, 'i32')
  const rank = b.cumulate(flags, { kind: 'add', axis: 0, exclusive: true, reverse: false })
  // What does not hold goes to n, which is outside.
  const targets = b.map([holds, rank], (h, r) => f.select(h!, r!, n))
  const places = scatterVector(b, b.full(0, 'i32', [n]), targets, b.iota('i32', [n], 0))
  return { places, count: b.reduce('add', flags, [0]) }
}

/** The first `count` elements along `axis`: a tensor, where that is known, else one of data-dependent length. */
export function limited(b: Builder, padded: Value, axis: number, count: Value): Item {
  const known = constantOf(count)
  return known ? b.sliceAxis(padded, axis, 0, Number(known.data[0])) : { padded, lengths: [{ axis, count }] }
}
