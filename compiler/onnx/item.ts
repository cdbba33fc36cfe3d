import type { Value } from '../core/graph.ts'

/** A sequence, of which only the length must be known at compile time. It exists during import: graphs have tensors only. */
export interface Sequence {
  readonly elements: readonly Item[]
}

/** An optional without a value; one that has a value is this value. */
export interface Nothing {
  readonly nothing: true
}

/** What a name in an ONNX graph may stand for. */
export type Item = Value | Sequence | Nothing

export const nothing: Nothing = { nothing: true }

export const isTensor = (item: Item): item is Value => 'node' in item
export const isSequence = (item: Item): item is Sequence => 'elements' in item

/** For diagnostics. */
export const kindOf = (item: Item): string =>
  isTensor(item)
    ? 'a tensor'
    : isSequence(item)
      ? `a sequence of ${item.elements.length}`
      : 'an optional without a value'
