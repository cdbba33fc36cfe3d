import type { Value } from '../core/graph.ts'

/** A sequence, of which only the length must be known at compile time. It exists during import: graphs have tensors only. */
export interface Sequence {
  readonly elements: readonly Item[]
}

/** An optional without a value; one that has a value is this value. */
export interface Nothing {
  readonly nothing: true
}

/** An optional of which a run tells whether it has the value. */
export interface Optional {
  readonly optional: Item
  /** bool[]; where it is 0 the value is anything. */
  readonly present: Value
}

/** The first `count` (i32[]) elements along `axis` are there; padding stands behind, which may be anything. */
export interface Length {
  readonly axis: number
  readonly count: Value
}

/** A tensor whose length along some axes depends on data, each of them once. */
export interface Bounded {
  readonly padded: Value
  readonly lengths: readonly Length[]
}

/** A tensor of strings out of a list, as i32 places in it. Outputs of a model carry the list as their labels. */
export interface Strings {
  readonly places: Value
  /** Each once. */
  readonly list: readonly string[]
  /** Whether there may be others too, at place -1: so it is with inputs of the model. */
  readonly open?: true
  /** The strings themselves, where the script has them. */
  readonly free?: FreeStrings
}

/** A tensor of any strings, which the script computes: `value` is an input of the model or the result of a step. */
export interface FreeStrings {
  readonly value: string
  /** undefined for a length that depends on the strings. */
  readonly dims: readonly (number | undefined)[]
  /** Whether they depend on what the module computes. */
  readonly late: boolean
}

/** Maps from classes to scores, as one tensor whose last axis runs over the classes. */
export interface Scores {
  readonly scores: Value
  readonly classes: readonly (string | number)[]
}

/** What a name in an ONNX graph may stand for. */
export type Item = Value | Bounded | Sequence | Nothing | Optional | Strings | FreeStrings | Scores

export const nothing: Nothing = { nothing: true }

export const isTensor = (item: Item): item is Value => 'node' in item
export const isBounded = (item: Item): item is Bounded => 'padded' in item
export const isStrings = (item: Item): item is Strings => 'places' in item
export const isFree = (item: Item): item is FreeStrings => 'late' in item
export const isScores = (item: Item): item is Scores => 'classes' in item
export const isOptional = (item: Item): item is Optional => 'optional' in item
export const isSequence = (item: Item): item is Sequence => 'elements' in item

/** For diagnostics. */
export const axesIn = ({ lengths }: Bounded): string =>
  `${lengths.length > 1 ? 'axes' : 'axis'} ${lengths.map(({ axis }) => axis).join(' and ')}`

/** For diagnostics. */
export const kindOf = (item: Item): string =>
  isTensor(item)
    ? 'a tensor'
    : isBounded(item)
      ? `a tensor whose length along ${axesIn(item)} depends on data`
      : isSequence(item)
        ? `a sequence of ${item.elements.length}`
        : isStrings(item) || isFree(item)
          ? 'strings'
          : isScores(item)
            ? 'a sequence of maps'
            : isOptional(item)
              ? 'an optional that may have a value'
              : 'an optional without a value'
