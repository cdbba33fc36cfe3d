import { check } from '../../diagnostics/check.ts'
import { elementCount, type Shape } from '../../shape.ts'
import { formatType, type Tensor } from '../../tensor.ts'
import { inOperand, inResult, keptShape, type Facets, type Index } from '../facets.ts'

export interface ReshapeAttrs {
  readonly shape: Shape
}

/** The same elements in row-major order under another shape. */
export const reshape: Facets<ReshapeAttrs> = {
  type: ([x], { shape }) => {
    check(x !== undefined, 'reshape wants one operand')
    check(
      elementCount(x.shape) === elementCount(shape),
      `${formatType(x)} has not as many elements as [${shape.join(',')}]`,
    )
    return [{ dtype: x.dtype, shape }]
  },
  evaluate: ([x], { shape }) => [{ dtype: x!.dtype, shape, data: x!.data } satisfies Tensor],
  indices: ([x], { shape }) => factors(x!.shape, shape),
  keep: (_, { shape }, { results }) => ({ shape: keptShape(shape, results[0]!) }),
}

/**
 * The lengths of which the axes of both shapes are products, outermost first. A run of axes that has no such factors in
 * common (2 × 3 as 3 × 2) gives none.
 */
function factors(from: Shape, to: Shape): Index[] {
  if (elementCount(from) === 0) return []
  const sides = [walkBack(from), walkBack(to)] as const
  const found: Index[] = []
  for (;;) {
    const [a, b] = sides.map((side) => side.current())
    if (!a || !b) return found.reverse()
    if (a.seen !== b.seen) {
      // The side that is behind goes on; what lies between has no index of its own.
      sides[a.seen < b.seen ? 0 : 1].take(undefined)
      continue
    }
    const extent = commonDivisor(a.left, b.left)
    if (extent === 1) {
      sides.forEach((side) => side.take(undefined))
      continue
    }
    const places = [inOperand(0, a.axis, extent, { inner: a.inner }), inResult(0, b.axis, extent, { inner: b.inner })]
    found.push({ extent, places })
    sides.forEach((side) => side.take(extent))
  }
}

function commonDivisor(a: number, b: number): number {
  while (b > 0) [a, b] = [b, a % b]
  return a
}

/** Goes through the axes longer than 1 from the last on, factor by factor; `take(undefined)` leaves out what is left of one. */
function walkBack(shape: Shape) {
  let axis = shape.length
  let [left, inner, seen] = [1, 1, 1]
  const next = (): void => {
    while (left === 1 && axis > 0) [left, inner] = [shape[--axis]!, 1]
  }
  next()
  return {
    /** The axis, what is left of its length, the extent of what was taken of it, and the elements behind it all. */
    current: () => (left > 1 ? { axis, left, inner, seen } : undefined),
    take(extent: number | undefined) {
      const by = extent ?? left
      left /= by
      inner *= by
      seen *= by
      next()
    },
  }
}
