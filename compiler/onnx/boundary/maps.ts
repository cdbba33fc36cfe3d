import type { GraphProto, NodeProto } from '../decode.ts'

/** The keys that a DictVectorizer puts in order, from its attributes; empty where it has none. */
function vocabularyIn({ attributes }: Pick<NodeProto, 'attributes'>): readonly (string | number)[] {
  const strings = attributes.get('string_vocabulary')
  if (strings?.kind === 'strings') return strings.value
  const integers = attributes.get('int64_vocabulary')
  return integers?.kind === 'ints' ? [...integers.value.numbers()] : []
}

/** The keys of an input that is a map, as far as nodes read them: its values come as a vector in this order. */
export function keysOf({ nodes }: GraphProto, input: string): readonly (string | number)[] {
  const readers = nodes.filter(({ operator, inputs }) => operator === 'DictVectorizer' && inputs[0] === input)
  return [...new Set(readers.flatMap(vocabularyIn))]
}
