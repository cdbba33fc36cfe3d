import { toNumbers } from '../../core/tensor.ts'
import type { OpContext, Operator } from '../context.ts'
import { range } from '../shared/axes.ts'

/** Sides of a box; y1 ≤ y2, x1 ≤ x2. */
type Box = readonly [y1: number, x1: number, y2: number, x2: number]

function overlap(a: Box, b: Box): number {
  const area = ([y1, x1, y2, x2]: Box): number => (y2 - y1) * (x2 - x1)
  const height = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]))
  const width = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]))
  const common = height * width
  return common === 0 ? 0 : common / (area(a) + area(b) - common)
}

function boxOf(values: readonly number[], centered: boolean): Box {
  const [a = 0, b = 0, c = 0, d = 0] = values
  // Centre x, centre y, width, height; or two corners y, x, in any order.
  if (centered) return [b - d / 2, a - c / 2, b + d / 2, a + c / 2]
  return [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)]
}

/** How many boxes may be compared at compile time. */
const maxBoxes = 2 ** 14

/** Indices [batch, class, box] of boxes that overlap no better one. The result's shape depends on the data. */
export const nonMaxSuppression: Operator = {
  since: 10,
  limits: 'its inputs must be known at compile time',
  lower: (c: OpContext) => {
    const boxes = c.constant(0)
    const scores = c.constant(1)
    const [batch = 0, classes = 0, count = 0] = scores.shape
    c.check(boxes.shape.join() === [batch, count, 4].join(), `boxes are of shape [${boxes.shape.join(',')}]`)
    if (batch * classes * count > maxBoxes) c.unsupported(`more than ${maxBoxes} boxes`)
    const [most = 0] = c.constantInts(2, [0])
    const [maxOverlap = 0] = c.constantInts(3, [0])
    const [threshold = -Infinity] = c.constantInts(4, [-Infinity])
    const centered = c.int('center_point_box', 0) !== 0
    const sides = toNumbers(boxes)
    const ranks = toNumbers(scores)
    const selected = range(0, batch * classes).flatMap((row) => {
      const [n, k] = [Math.floor(row / classes), row % classes]
      const score = (i: number): number => ranks[row * count + i]!
      const box = (i: number): Box => boxOf(sides.slice((n * count + i) * 4, (n * count + i + 1) * 4), centered)
      const kept: number[] = []
      const candidates = range(0, count).filter((i) => score(i) > threshold)
      for (const i of candidates.sort((i, j) => score(j) - score(i) || i - j)) {
        if (kept.length >= most) break
        if (kept.every((j) => overlap(box(i), box(j)) <= maxOverlap)) kept.push(i)
      }
      return kept.map((i) => [n, k, i])
    })
    return [c.b.reshape(c.b.vector(selected.flat(), 'i64'), [selected.length, 3])]
  },
}
