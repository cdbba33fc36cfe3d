import type { Rule } from '../rule.ts'

export const reshape: Rule<'reshape'> = (e, { attrs }, [x]) => [e.reshape(x!, attrs.shape)]

export const transpose: Rule<'transpose'> = (e, { attrs }, [x]) => [e.transpose(x!, attrs.perm)]

export const broadcastInDim: Rule<'broadcast_in_dim'> = (e, { attrs: { shape, dims } }, [x]) => {
  // Axes that are new in front are there by NumPy's rule.
  const lead = dims[0] ?? shape.length
  const aligned = shape.slice(lead).map((_, i) => {
    const own = dims.indexOf(lead + i)
    return own < 0 ? 1 : x!.type.shape[own]!
  })
  return [e.expand(e.reshape(x!, aligned), shape)]
}

export const slice: Rule<'slice'> = (e, { attrs }, [x]) => [e.slice(x!, attrs.start, attrs.shape, attrs.strides)]

export const pad: Rule<'pad'> = (e, { attrs }, [x, value]) => [e.pad(x!, value!, attrs.low, attrs.high)]

export const concatenate: Rule<'concatenate'> = (e, { attrs }, operands) => [e.concat(operands, attrs.axis)]
