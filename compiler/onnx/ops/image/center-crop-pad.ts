import type { OpContext, Operator } from '../../context.ts'
import { normalizeAxis, range } from '../../shared/axes.ts'

/** Cuts or pads with zeros on both sides; the side of higher index gets the odd element. */
export const centerCropPad: Operator = {
  since: 18,
  floats: 'moved',
  lower: (c: OpContext) => {
    const { b } = c
    const x = c.input(0)
    const rank = x.type.shape.length
    const axes = c.ints('axes', range(0, rank)).map((axis) => normalizeAxis(c, axis, rank))
    const wanted = c.constantInts(1)
    c.check(wanted.length === axes.length && wanted.every((n) => n >= 0), `lengths [${wanted.join(',')}]`)
    const none = x.type.shape.map(() => 0)
    return [
      axes.reduce((value, axis, k) => {
        const missing = wanted[k]! - value.type.shape[axis]!
        if (missing < 0) return b.sliceAxis(value, axis, Math.floor(-missing / 2), wanted[k]!)
        const low = Math.floor(missing / 2)
        return b.pad(value, b.scalar(0, value.type.dtype), none.with(axis, low), none.with(axis, missing - low))
      }, x),
    ]
  },
}
