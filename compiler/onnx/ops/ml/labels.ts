import { fail } from '../../../core/diagnostic.ts'
import type { Value } from '../../../core/graph.ts'
import type { OpContext } from '../../context.ts'

export interface Labels {
  readonly count: number
  /** i64 labels of classes by their i32 indices. */
  of(index: Value): Value
  /** `positive` where `cond` holds, else `negative`: class indices, or labels themselves where there are not two classes. */
  choose(cond: Value): Value
}

/**
 * The classes' labels, from the attribute `ints` or from `classlabels_strings`. A202 for strings, unless nothing wants the
 * labels; the label then is the class's index.
 */
export function classLabels(c: OpContext, ints: string): Labels {
  const { b } = c
  const strings = c.strings('classlabels_strings', [])
  if (strings.length > 0 && c.wantsOutput(0)) {
    fail('A202', 'class labels are strings', { hint: 'label the classes with integers, or leave the label output out' })
  }
  const values = strings.length > 0 ? strings.map((_, i) => BigInt(i)) : c.has(ints) ? c.bigints(ints) : []
  c.check(values.length > 0, 'there are no class labels')
  const counted = values.every((v, i) => v === BigInt(i))
  const of = (index: Value): Value => (counted ? b.convert(index, 'i64') : b.take(b.vector(values, 'i64'), index, 0))
  const [negative, positive] = values.length === 2 ? values : [0n, 1n]
  return {
    count: values.length,
    of,
    choose: (cond) => b.select(cond, b.scalar(positive!, 'i64'), b.scalar(negative!, 'i64')),
  }
}
