import { elementCount } from '../../core/shape.ts'
import type { OpContext, Operator } from '../context.ts'

/** Dimension 0 keeps the input's unless `allowzero`, -1 is what remains. */
export const reshape: Operator = {
  floats: 'moved',
  strings: true,
  lower: (c: OpContext) => {
    const x = c.input(0)
    const given = c.opset >= 5 ? c.constantInts(1) : c.ints('shape')
    const keepZero = c.int('allowzero', 0) !== 0
    const shape = given.map((d, i) => (d === 0 && !keepZero ? (x.type.shape[i] ?? 0) : d))
    const free = shape.indexOf(-1)
    if (free >= 0) {
      const rest = elementCount(shape.filter((_, i) => i !== free))
      const total = elementCount(x.type.shape)
      c.check(rest > 0 && total % rest === 0, `[${x.type.shape.join(',')}] does not reshape to [${given.join(',')}]`)
      shape[free] = total / rest
    }
    c.check(
      shape.every((d) => d >= 0),
      `shape [${given.join(',')}]`,
    )
    return [c.b.reshape(x, shape)]
  },
}
