/** Ops that move elements to places that do not depend on data. */
import { along, batched, inForm, repeated, sampleShape, shifted, spread, view, withFirst } from './forms.ts'
import type { Rule } from './rule.ts'

export const reshape: Rule<'reshape'> = ({ b, size }, { attrs: { shape } }, [x]) => [
  batched(view(b, x!.value, [size, ...shape])),
]

export const transpose: Rule<'transpose'> = (c, { attrs: { perm } }, [x]) =>
  along(c, x!, perm[0] === 0, (value, shift) => [c.b.transpose(value, withFirst(shifted(perm, shift), 0, shift))])

export const broadcastInDim: Rule<'broadcast_in_dim'> = (c, { attrs: { shape, dims } }, [x]) =>
  along(c, x!, dims[0] === 0 && shape[0] === 1, (value, shift) => [
    c.b.broadcastInDim(value, withFirst(shape, c.size, shift), withFirst(shifted(dims, shift), 0, shift)),
  ])

export const slice: Rule<'slice'> = (c, { attrs: { start, shape, strides } }, [x]) =>
  along(c, x!, shape[0] === 1, (value, shift) => [
    c.b.slice(value, withFirst(start, 0, shift), withFirst(shape, c.size, shift), withFirst(strides, 1, shift)),
  ])

export const pad: Rule<'pad'> = (c, { attrs: { low, high } }, [x, filling]) => {
  const { b } = c
  if (!filling!.batched) {
    return along(c, x!, low[0] === 0 && high[0] === 0, (value, shift) => [
      b.pad(value, filling!.value, withFirst(low, 0, shift), withFirst(high, 0, shift)),
    ])
  }
  // An op pads with one number: zeros first, then each sample's own.
  const shape = sampleShape(x!)
  const padded = b.pad(repeated(c, x!), b.scalar(0, x!.value.type.dtype), [0, ...low], [0, ...high])
  const inside = b.pad(b.full(1, 'bool', shape), b.scalar(0, 'bool'), low, high)
  return [batched(b.select(inside, padded, spread(b, filling!.value, shape.length + 1)))]
}

export const concatenate: Rule<'concatenate'> = (c, { attrs: { axis } }, operands) =>
  along(
    c,
    operands.find((o) => o.batched)!,
    axis !== 0,
    (_, shift) => [
      c.b.concatenate(
        operands.map((o) => inForm(c, o, shift)),
        axis + shift,
      ),
    ],
  )
