import { Builder } from '../core/builder.ts'
import type { Scalar } from '../core/scalar/dtype.ts'
import type { Value } from '../core/graph.ts'
import { tensorOf, type Tensor } from '../core/tensor.ts'
import type { GraphProto } from './decode.ts'
import { isStrings, type Item, type Strings } from './item.ts'
import type { StringTensor } from './stored-tensor.ts'

/** Each string once, and of every given one its place among them. */
export function listOf(strings: readonly string[]): { list: string[]; places: number[] } {
  const list = [...new Set(strings)]
  const at = new Map(list.map((text, i) => [text, i]))
  return { list, places: strings.map((text) => at.get(text)!) }
}

/** Strings that the model itself has. */
export function constantStrings(b: Builder, { shape, strings }: StringTensor): Strings {
  const { list, places } = listOf(strings)
  return { places: b.constant(tensorOf('i32', shape, places as Scalar[])), list }
}

/** `items` with places in one common list instead of strings, and what results are then; undefined where none of them is strings. */
export function withCommonList(
  b: Builder,
  items: readonly (Item | undefined)[],
): { items: (Item | undefined)[]; list: Pick<Strings, 'list' | 'open'> } | undefined {
  const all = items.filter((item) => item !== undefined).filter(isStrings)
  const [first] = all
  if (!first) return undefined
  const { list } = all.every((item) => item.list === first.list) ? first : listOf(all.flatMap((item) => item.list))
  const inList = (item: Strings): Item => {
    if (item.list === list) return item.places
    const places = item.list.map((text) => list.indexOf(text))
    return places.every((p, i) => p === i) ? item.places : lookUp(b, item, tensorOf('i32', [places.length], places), -1)
  }
  const open = all.some((item) => item.open)
  return {
    items: items.map((item) => (item && isStrings(item) ? inList(item) : item)),
    list: open ? { list, open } : { list },
  }
}

/** The element of `table` that stands at each string's place; `absent` for a string that is not in the list. */
export function lookUp(b: Builder, { places, open }: Strings, table: Tensor, absent: Scalar): Value {
  if (!open) return b.take(b.constant(table), places, 0)
  const all = b.concatenate([b.constant(tensorOf(table.dtype, [1], [absent])), b.constant(table)], 0)
  return b.take(all, b.binary('add', places, b.scalar(1, 'i32')), 0)
}

/** Attributes of operators that tell strings apart. */
const vocabularies: ReadonlySet<string> = new Set([
  ...['keys_strings', 'keys_tensor', 'cats_strings', 'classes_strings', 'pool_strings'],
])

/** All strings that operators in `graph` and below compare with. An input of other strings is one that none of them knows. */
export function vocabularyOf(graph: GraphProto): readonly string[] {
  const found = new Set<string>()
  const visit = ({ nodes }: GraphProto): void => {
    for (const { attributes } of nodes) {
      for (const [name, attribute] of attributes) {
        if (attribute.kind === 'graph') visit(attribute.value)
        if (!vocabularies.has(name)) continue
        if (attribute.kind === 'strings') attribute.value.forEach((text) => found.add(text))
        if (attribute.kind === 'string tensor') attribute.value.strings.forEach((text) => found.add(text))
      }
    }
  }
  visit(graph)
  return [...found]
}
