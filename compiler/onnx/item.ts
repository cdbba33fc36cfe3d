import type { Value } from '../core/graph.ts'

/** A sequence, of which only the length must be known at compile time. It exists during import: graphs have tensors only. */
export interface Sequence {
  readonly elements: readonly Item[]
}

/** An optional without a value; one that has a value is this value. */
export interface Nothing {
  readonly nothing: true
}

/** A tensor whose length along an axis depends on data: its first `count` (i32[]) elements there; padding stands behind. */
export interface Bounded {
  readonly padded: Value
  readonly axis: number
  readonly count: Value
}

/** What a name in an ONNX graph may stand for. */
export type Item = Value | Bounded | Sequence | Nothing

export const nothing: Nothing = { nothing: true }

export const isTensor = (item: Item): item is Value => 'node' in item
export const isBounded = (item: Item): item is Bounded => 'padded' in item
export const isSequence = (item: Item): item is Sequence => 'elements' in item

/** For diagnostics. */
export const kindOf = (item: Item): string =>
  isTensor(item)
    ? 'a tensor'
    : isBounded(item)
      ? `a tensor whose length along axis ${item.axis} depends on data`
      : isSequence(item)
        ? `a sequence of ${item.elements.length}`
        : 'an optional without a value'
