import { Builder } from '../core/builder.ts'
import type { Scalar } from '../core/dtype.ts'
import { tensorOf } from '../core/tensor.ts'
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

/** `items` with places in one common list instead of strings; undefined where none of them is strings. */
export function withCommonList(
  b: Builder,
  items: readonly (Item | undefined)[],
): { items: (Item | undefined)[]; list: readonly string[] } | undefined {
  const all = items.filter((item) => item !== undefined).filter(isStrings)
  const [first] = all
  if (!first) return undefined
  const { list } = all.every((item) => item.list === first.list) ? first : listOf(all.flatMap((item) => item.list))
  const inList = (item: Strings): Item => {
    if (item.list === list) return item.places
    const places = item.list.map((text) => list.indexOf(text))
    return places.every((p, i) => p === i) ? item.places : b.take(b.vector(places, 'i32'), item.places, 0)
  }
  return { items: items.map((item) => (item && isStrings(item) ? inList(item) : item)), list }
}
