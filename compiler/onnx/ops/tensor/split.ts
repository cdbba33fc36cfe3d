import type { OpContext, Operator } from '../../context.ts'
import { normalizeAxis, range } from '../../shared/axes.ts'

/** Lengths of the parts. Equal parts had to divide the axis before opset 18; since then the last may be shorter. */
function partsOf(c: OpContext, length: number): number[] {
  const given =
    c.opset >= 13 ? c.constantInts(1, []) : c.opset >= 2 || !c.inputs[1] ? c.ints('split', []) : c.constantInts(1)
  if (given.length > 0) return given
  const count = c.outputCount
  c.check(
    c.int('num_outputs', count) === count,
    `num_outputs is ${c.int('num_outputs', count)}, but there are ${count}`,
  )
  const part = Math.ceil(length / count)
  c.check(c.opset >= 18 || part * count === length, `${length} elements do not split into ${count} equal parts`)
  return range(0, count).map((i) => Math.max(0, Math.min(part, length - i * part)))
}

export const split: Operator = {
  floats: 'moved',
  strings: true,
  lower: (c: OpContext) => {
    const x = c.input(0)
    const axis = normalizeAxis(c, c.int('axis', 0), x.type.shape.length)
    const length = x.type.shape[axis]!
    const parts = partsOf(c, length)
    const total = parts.reduce((sum, n) => sum + n, 0)
    c.check(total === length && parts.every((n) => n >= 0), `parts [${parts.join(',')}] of ${length} elements`)
    let start = 0
    return parts.map((n) => {
      start += n
      return c.b.sliceAxis(x, axis, start - n, n)
    })
  },
}
