import type { OpContext, Operator } from '../context.ts'
import { broadcastDims } from '../shared/dims.ts'

/** Broadcasts both ways: where the wanted dimension is 1 the input's stays. */
export const expand: Operator = {
  floats: 'storage',
  sized: true,
  strings: true,
  lower: (c: OpContext) => {
    const x = c.input(0)
    const wanted = c.sizes(1)
    const dims = broadcastDims([c.dims(0), wanted])
    const { shape } = x.type
    c.check(dims !== undefined, `[${shape.join(',')}] does not broadcast to the shape that is wanted`)
    const lead = dims.length - shape.length
    const wide = dims.map((dim, i) => ((shape[i - lead] ?? 1) === 1 ? c.most(dim, `dimension ${i}`) : shape[i - lead]!))
    return [c.sizedTo(c.b.broadcast(x, wide), dims)]
  },
}
