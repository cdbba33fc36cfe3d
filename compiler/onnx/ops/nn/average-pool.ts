import { fail } from '../../../core/diagnostics/diagnostic.ts'
import type { Value } from '../../../core/graph.ts'
import type { WindowAxis } from '../../../core/ops/window.ts'
import { elementCount, walk } from '../../../core/shape.ts'
import { tensorOf } from '../../../core/tensor.ts'
import type { OpContext, Operator } from '../../context.ts'
import { range } from '../../shared/axes.ts'
import { poolWindows, withoutPooling } from '../../shared/nn/window.ts'

/** Elements that a constant of divisors may have. */
const maxDivisors = 1 << 24

/** How many elements of each window along an axis lie in [first, end); one number where that is the same for all. */
function counts(positions: number, w: WindowAxis, first: number, end: number): number[] {
  const all = range(0, positions).map((position) => {
    const start = position * w.stride - w.low
    const from = Math.max(0, Math.ceil((first - start) / w.dilation))
    const to = Math.min(w.size, Math.ceil((end - start) / w.dilation))
    return Math.max(0, to - from)
  })
  return all.every((n) => n === all[0]) ? all.slice(0, 1) : all
}

/**
 * Mean of the elements under each window. Padding counts only with count_include_pad, and what ceil_mode adds beyond
 * the declared padding never does.
 */
export function averagePoolOf(c: OpContext, x: Value): Value {
  const { axes, declaredHigh } = poolWindows(c, x)
  const sum = c.b.reduceWindow('add', x, withoutPooling(axes))
  const positions = sum.type.shape.slice(2)
  if (elementCount(positions) > maxDivisors)
    fail('A301', `pooling to [${positions.join(',')}]; the limit is ${maxDivisors} elements`)
  const included = c.int('count_include_pad', 0) !== 0
  const divisors = axes.map((w, i) => {
    const length = x.type.shape[i + 2]!
    return included ? counts(positions[i]!, w, -w.low, length + declaredHigh[i]!) : counts(positions[i]!, w, 0, length)
  })
  // No larger than needed: an axis of equal counts has one element.
  const shape = divisors.map((list) => list.length)
  const factors: number[] = []
  walk(shape, [], (_, index) => void factors.push(1 / elementCount(index.map((at, i) => divisors[i]![at]!))))
  const { dtype } = x.type
  const factor = factors.length === 1 ? c.b.scalar(factors[0]!, dtype) : c.b.constant(tensorOf(dtype, shape, factors))
  return c.b.binary('mul', sum, factor)
}

export const averagePool: Operator = { lower: (c) => [averagePoolOf(c, c.input(0))] }
