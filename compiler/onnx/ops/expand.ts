import { broadcastShapes } from '../../core/shape.ts'
import type { OpContext, Operator } from '../context.ts'

/** Broadcasts both ways: where the wanted dimension is 1 the input's stays. */
export const expand: Operator = {
  floats: 'moved',
  strings: true,
  lower: (c: OpContext) => {
    const x = c.input(0)
    const wanted = c.constantInts(1)
    const shape = broadcastShapes([x.type.shape, wanted])
    c.check(shape !== undefined, `[${x.type.shape.join(',')}] does not broadcast to [${wanted.join(',')}]`)
    return [c.b.broadcast(x, shape)]
  },
}
