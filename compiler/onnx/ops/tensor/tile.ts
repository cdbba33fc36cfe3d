import * as f from '../../../core/scalar/formula.ts'
import type { OpContext, Operator } from '../../context.ts'
import { known, multiply, numberOf, type Dim } from '../../dims.ts'
import { normalizeAxis } from '../../shared/axes.ts'

/** Before opset 6 one axis was repeated, given by two inputs. */
function repeatsOf(c: OpContext, rank: number): readonly Dim[] {
  if (c.opset >= 6) return c.sizes(1)
  const axis = normalizeAxis(c, c.constantInts(2)[0]!, rank)
  return Array.from({ length: rank }, (_, i) => (i === axis ? c.sizes(1)[0]! : known(1)))
}

export const tile: Operator = {
  floats: 'moved',
  sized: true,
  strings: true,
  lower: (c: OpContext) => {
    const { b } = c
    const x = c.input(0)
    const { shape } = x.type
    const dims = c.dims(0)
    const wanted = repeatsOf(c, shape.length)
    c.check(wanted.length === shape.length, `${wanted.length} repeats for rank ${shape.length}`)
    const repeats = wanted.map((times, i) => c.most(times, `how often axis ${i} repeats`))
    wanted.forEach((times, i) => c.within(times, 0, repeats[i]!, `how often axis ${i} repeats`))
    const result = dims.map((dim, i) => multiply(dim, wanted[i]!))
    // What is padded does not repeat as it stands.
    const ragged = dims.map((dim, i) => numberOf(dim) === undefined && numberOf(wanted[i]!) !== 1)
    if (ragged.includes(true)) {
      const tiled = shape.reduce((y, d, axis) => {
        const places = b.map([b.iota('i32', [d * repeats[axis]!], 0), c.sized.value(b, dims[axis]!)], (i, n) =>
          f.rem(i!, n!),
        )
        return numberOf(wanted[axis]!) === 1 ? y : b.take(y, places, axis)
      }, x)
      return [c.sizedTo(tiled, result)]
    }
    // An axis of d elements repeated r times is r × d, broadcast along its first.
    const wide = shape.flatMap((d, i) => (repeats[i] === 1 ? [d] : [repeats[i]!, d]))
    const places = shape.map((_, i) => i + repeats.slice(0, i + 1).filter((r) => r !== 1).length)
    const whole = b.broadcastInDim(x, wide, places)
    return [
      c.sizedTo(
        b.reshape(
          whole,
          shape.map((d, i) => d * repeats[i]!),
        ),
        result,
      ),
    ]
  },
}
