import { fail } from '../../core/diagnostics/diagnostic.ts'
import type { Value } from '../../core/graph.ts'
import { along, fromElements, isBatched, mergedInto, splitFrom, withLeading } from './forms.ts'
import type { Operand, Rule } from './rule.ts'

/**
 * Samples of the input are images of one batch. Samples of the kernel are output channels, blocks of them within each group. With samples
 * in both, each is a group of its own, or several.
 */
export const convolution: Rule<'convolution'> = (c, { attrs, results, origin }, operands) => {
  if ((attrs.batchGroups ?? 1) > 1)
    fail('A850', 'a convolution whose batch is in groups cannot be batched', origin && { origin })
  const { b, size } = c
  const [x, w] = operands as [Operand, Operand]
  const { lhs, rhs, out, groups } = attrs
  const { shape } = results[0]!.type
  if (!isBatched(w)) {
    return along(c, x, lhs.batch === 0 && out.batch === 0, (images, form) => {
      if (form === 'first') return [b.convolution(images, w.value, attrs)]
      return [splitFrom(b, b.convolution(mergedInto(b, images, lhs.batch), w.value, attrs), out.batch, size)]
    })
  }
  const own = withLeading(c, w)
  if (isBatched(x)) {
    const images = mergedInto(b, withLeading(c, x), lhs.feature)
    const y = b.convolution(images, mergedInto(b, own, rhs.output), { ...attrs, groups: groups * size })
    return [fromElements(c, splitFrom(b, y, out.feature, size), shape)]
  }
  const grouped = (v: Value, axis: number, first: readonly number[]): Value => {
    const whole = v.type.shape.slice(first.length)
    return b.reshape(v, [...first, ...whole.toSpliced(axis, 1, groups, whole[axis]! / groups)])
  }
  const blocks = mergedInto(b, grouped(own, rhs.output, [size]), rhs.output + 1)
  const all = blocks.type.shape.toSpliced(rhs.output, 2, groups * blocks.type.shape[rhs.output + 1]!)
  const y = grouped(b.convolution(x.value, b.reshape(blocks, all), attrs), out.feature, [])
  return [fromElements(c, splitFrom(b, y, out.feature + 1, size), shape)]
}
