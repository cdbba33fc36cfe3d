import type { OpContext, Operator } from '../context.ts'
import { normalizeAxis } from '../shared/axes.ts'

/** Before opset 6 one axis was repeated, given by two inputs. */
function repeatsOf(c: OpContext, rank: number): number[] {
  if (c.opset >= 6) return c.constantInts(1)
  const axis = normalizeAxis(c, c.constantInts(2)[0]!, rank)
  return Array.from({ length: rank }, (_, i) => (i === axis ? c.constantInts(1)[0]! : 1))
}

export const tile: Operator = {
  floats: 'moved',
  strings: true,
  lower: (c: OpContext) => {
    const { b } = c
    const x = c.input(0)
    const { shape } = x.type
    const repeats = repeatsOf(c, shape.length)
    c.check(
      repeats.length === shape.length && repeats.every((r) => r >= 0),
      `repeats [${repeats.join(',')}] for rank ${shape.length}`,
    )
    // An axis of d elements repeated r times is r × d, broadcast along its first.
    const wide = shape.flatMap((d, i) => (repeats[i] === 1 ? [d] : [repeats[i]!, d]))
    const dims = shape.map((_, i) => i + repeats.slice(0, i + 1).filter((r) => r !== 1).length)
    return [
      b.reshape(
        b.broadcastInDim(x, wide, dims),
        shape.map((d, i) => d * repeats[i]!),
      ),
    ]
  },
}
