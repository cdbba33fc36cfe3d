/** Strings at the ends of a model, which graphs have as places in lists: LabelEncoder (ai.onnx.ml) goes between. */
import type { Emitter } from './emitter.ts'
import type { Edge } from './graph.ts'

const places = (labels: readonly string[]): number[] => labels.map((_, i) => i)

/** The places of an input of strings; -1 for one that is not in the list. */
export function placesOf(e: Emitter, input: Edge, labels: readonly string[]): Edge {
  const attributes = {
    keys_strings: { strings: labels },
    values_int64s: places(labels),
    default_int64: -1,
  }
  const { dtype, shape } = input.type
  const [found] = e.nodeOf('LabelEncoder', [input], [{ dtype: 'i64', shape }], attributes, 'ai.onnx.ml')
  return e.cast(found!, dtype)
}

/** The strings at places of a list. */
export function stringsAt(e: Emitter, at: Edge, labels: readonly string[]): Edge {
  const attributes = { keys_int64s: places(labels), values_strings: { strings: labels } }
  const type = { ...at.type, strings: true } as const
  return e.nodeOf('LabelEncoder', [e.cast(at, 'i64')], [type], attributes, 'ai.onnx.ml')[0]!
}
