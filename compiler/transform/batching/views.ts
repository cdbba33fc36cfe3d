/** Ops that move elements to places that do not depend on data. */
import { createNode } from '../../core/graph.ts'
import {
  along,
  bestForm,
  inForm,
  isBatched,
  leading,
  sampleShape,
  shapeIn,
  shifted,
  spread,
  withFirst,
  withLeading,
} from './forms.ts'
import type { Operand, Rule } from './rule.ts'

/** A node of its own even where the shape stays: what reads the result is not to read the operand. */
export const reshape: Rule<'reshape'> = ({ b, size }, { attrs: { shape } }, [x]) => {
  const form = bestForm(shape)
  const { results } = createNode('reshape', [x!.value], { shape: shapeIn(form, shape, size) }, b.origin)
  return [{ value: results[0]!, form }]
}

export const transpose: Rule<'transpose'> = (c, { attrs: { perm } }, [x]) =>
  along(c, x!, perm[0] === 0, (value, form, before) => [
    c.b.transpose(value, withFirst(shifted(perm, before), 0, form)),
  ])

export const broadcastInDim: Rule<'broadcast_in_dim'> = (c, { attrs: { shape, dims } }, [x]) =>
  along(c, x!, dims[0] === 0 && shape[0] === 1, (value, form, before) => [
    c.b.broadcastInDim(value, withFirst(shape, c.size, form), withFirst(shifted(dims, before), 0, form)),
  ])

export const slice: Rule<'slice'> = (c, { attrs: { start, shape, strides } }, [x]) =>
  along(c, x!, shape[0] === 1, (value, form) => [
    c.b.slice(value, withFirst(start, 0, form), withFirst(shape, c.size, form), withFirst(strides, 1, form)),
  ])

export const pad: Rule<'pad'> = (c, { attrs: { low, high } }, operands) => {
  const { b } = c
  const [x, filling] = operands as [Operand, Operand]
  if (!isBatched(filling)) {
    return along(c, x, low[0] === 0 && high[0] === 0, (value, form) => [
      b.pad(value, filling.value, withFirst(low, 0, form), withFirst(high, 0, form)),
    ])
  }
  // An op pads with one number: zeros first, then each sample's own.
  const shape = sampleShape(x)
  const padded = b.pad(withLeading(c, x), b.scalar(0, x.value.type.dtype), [0, ...low], [0, ...high])
  const inside = b.pad(b.full(1, 'bool', shape), b.scalar(0, 'bool'), low, high)
  return [leading(b.select(inside, padded, spread(b, filling.value, shape.length + 1)))]
}

export const concatenate: Rule<'concatenate'> = (c, { attrs: { axis } }, operands) =>
  along(c, operands.find(isBatched)!, axis !== 0, (_, form, before) => [
    c.b.concatenate(
      operands.map((o) => inForm(c, o, form)),
      axis + before,
    ),
  ])
