import { fail } from '../../../core/diagnostics/diagnostic.ts'
import type { Value } from '../../../core/graph.ts'
import type { OpContext } from '../../context.ts'
import type { Item } from '../../item.ts'
import { listOf } from '../../strings.ts'

export interface Labels {
  readonly count: number
  readonly areStrings: boolean
  /** The labels, i64 or strings, of classes by their i32 indices. */
  of(index: Value): Item
  /** `positive` where `cond` holds, else `negative`: class indices, or labels themselves where there are not two classes. */
  choose(cond: Value): Item
}

/** The classes' labels, from the attribute `ints` or from `classlabels_strings`. */
export function classLabels(c: OpContext, ints: string): Labels {
  const { b } = c
  const strings = c.strings('classlabels_strings', [])
  if (strings.length > 0) return stringLabels(c, strings)
  const values = c.has(ints) ? c.bigints(ints) : []
  c.check(values.length > 0, 'there are no class labels')
  const counted = values.every((v, i) => v === BigInt(i))
  const of = (index: Value): Value => (counted ? b.convert(index, 'i64') : b.take(b.vector(values, 'i64'), index, 0))
  const [negative, positive] = values.length === 2 ? values : [0n, 1n]
  return {
    count: values.length,
    areStrings: false,
    of,
    choose: (cond) => b.select(cond, b.scalar(positive!, 'i64'), b.scalar(negative!, 'i64')),
  }
}

function stringLabels(c: OpContext, strings: readonly string[]): Labels {
  const { b } = c
  const { list, places } = listOf(strings)
  const of = (index: Value): Item => ({
    places: list.length === strings.length ? index : b.take(b.vector(places, 'i32'), index, 0),
    list,
  })
  return {
    count: strings.length,
    areStrings: true,
    of,
    choose: (cond) => {
      if (strings.length !== 2) fail('A202', `one score decides among ${strings.length} labels that are strings`)
      return of(b.convert(cond, 'i32'))
    },
  }
}
