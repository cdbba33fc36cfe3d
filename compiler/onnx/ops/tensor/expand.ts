import type { OpContext, Operator } from '../../context.ts'
import { known, numberOf, sameDim } from '../../dims.ts'
import { broadcastDims } from '../../shared/dims.ts'

/** Broadcasts both ways: where the wanted dimension is 1 the input's stays. */
export const expand: Operator = {
  floats: 'moved',
  sized: true,
  strings: true,
  lower: (c: OpContext) => {
    const x = c.input(0)
    const wanted = c.sizes(1)
    const { shape } = x.type
    const own = c.dims(0)
    // What is known at run time only is 1 where the input is longer, or as long.
    const fitting = wanted.map((dim, i) => {
      const size = own[i - wanted.length + own.length] ?? known(1)
      if (numberOf(size) === 1 || numberOf(dim) !== undefined || sameDim(size, dim)) return dim
      c.within(dim, 1, shape[i - wanted.length + own.length]!, `dimension ${i}`)
      return size
    })
    const dims = broadcastDims([own, fitting])
    c.check(dims !== undefined, `[${shape.join(',')}] does not broadcast to the shape that is wanted`)
    const lead = dims.length - shape.length
    const wide = dims.map((dim, i) => ((shape[i - lead] ?? 1) === 1 ? c.most(dim, `dimension ${i}`) : shape[i - lead]!))
    return [c.sizedTo(c.b.broadcast(x, wide), dims)]
  },
}
