import type { OpContext, Operator } from '../../context.ts'
import { add, known, numberOf, type Dim } from '../../dims.ts'
import { masked } from '../../shared/mask.ts'
import { autoPadOf } from '../../shared/nn/window.ts'
import { addBias, convolutionAttrs } from '../../shared/nn/convolution.ts'

export const conv: Operator = {
  sized: true,
  lower: (c: OpContext) => {
    const w = c.input(1)
    const dims = c.dims(0)
    const spatial = dims.map((_, i) => i).slice(2)
    const ragged = spatial.filter((axis) => numberOf(dims[axis]!) === undefined)
    // Padding that is computed goes by the length.
    if (ragged.length > 0 && autoPadOf(c) !== 'NOTSET' && autoPadOf(c) !== 'VALID')
      c.unsupported('auto_pad of a length that depends on data')
    c.check(numberOf(dims[1]!) !== undefined, 'the number of channels depends on data')
    const x = masked(c, c.input(0), dims, ragged, 0)
    const attrs = convolutionAttrs(c, x, w)
    const y = addBias(c, c.b.convolution(x, w, attrs), c.inputs[2])
    const result = y.type.shape.map((d, axis): Dim => {
      const size = dims[axis]!
      if (axis === 1 || numberOf(size) !== undefined) return known(d)
      const window = attrs.window[axis - 2]
      if (!window) return size
      const room = add(size, known(window.low + window.high - (window.size - 1) * window.dilation - 1))
      c.within(room, 0, d * window.stride, 'the input without the kernel')
      return add(c.sized.divide(c.b, room, known(window.stride)), known(1))
    })
    return [c.sizedTo(y, result)]
  },
}
