import type { OpContext, Operator } from '../../context.ts'
import { normalizeAxis, range } from '../../shared/axes.ts'
import { masked } from '../../shared/mask.ts'
import { logSoftmax, softmax } from '../../shared/nn/softmax.ts'

/** Before opset 13 the axes from `axis` (1 by default) on are taken as one, then `axis` (the last by default) alone. */
function softmaxAxes(c: OpContext): number[] {
  const rank = c.input(0).type.shape.length
  if (c.opset >= 13) return [normalizeAxis(c, c.int('axis', -1), rank)]
  const axis = c.int('axis', 1)
  // Axis `rank` flattens to rows of one element.
  return axis === rank ? [] : range(normalizeAxis(c, axis, rank), rank)
}

/** Padding has no share. */
const over = (compute: typeof softmax): Operator => ({
  sized: true,
  lower: (c) => {
    const axes = softmaxAxes(c)
    const dims = c.dims(0)
    return [c.sizedTo(compute(c.b, masked(c, c.input(0), dims, axes, -Infinity), axes), dims)]
  },
})

export const softmaxOperators: Readonly<Record<string, Operator>> = {
  LogSoftmax: over(logSoftmax),
  Softmax: over(softmax),
}
