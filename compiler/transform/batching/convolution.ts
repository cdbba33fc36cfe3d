import type { Value } from '../../core/graph.ts'
import { batched, mergedInto, splitFrom, view } from './forms.ts'
import type { Operand, Rule } from './rule.ts'

/**
 * Samples of the input are images of one batch. Samples of the kernel are output channels, blocks of them within each group. With samples
 * in both, each is a group of its own, or several.
 */
export const convolution: Rule<'convolution'> = ({ b, size }, { attrs, results }, operands) => {
  const [x, w] = operands as [Operand, Operand]
  const { lhs, rhs, out, groups } = attrs
  if (!w.batched) {
    const y = b.convolution(mergedInto(b, x.value, lhs.batch), w.value, attrs)
    return [batched(splitFrom(b, y, out.batch, size))]
  }
  if (x.batched) {
    const images = mergedInto(b, x.value, lhs.feature)
    const kernels = mergedInto(b, w.value, rhs.output)
    const y = b.convolution(images, kernels, { ...attrs, groups: groups * size })
    return [batched(splitFrom(b, y, out.feature, size))]
  }
  const { shape } = results[0]!.type
  const grouped = (v: Value, axis: number, first: readonly number[]): Value => {
    const own = v.type.shape.slice(first.length)
    return view(b, v, [...first, ...own.toSpliced(axis, 1, groups, own[axis]! / groups)])
  }
  const blocks = mergedInto(b, grouped(w.value, rhs.output, [size]), rhs.output + 1)
  const all = blocks.type.shape.toSpliced(rhs.output, 2, groups * blocks.type.shape[rhs.output + 1]!)
  const y = grouped(b.convolution(x.value, view(b, blocks, all), attrs), out.feature, [])
  return [batched(view(b, splitFrom(b, y, out.feature + 1, size), [size, ...shape]))]
}
