import type { Builder } from '../../../core/builder.ts'
import { constant, convert, type Expr } from '../../../core/scalar/expr.ts'
import * as f from '../../../core/scalar/formula.ts'
import type { Value } from '../../../core/graph.ts'
import { regionArgument } from '../../../core/region.ts'
import type { OpContext, Operator } from '../../context.ts'
import { numberOf, rangeOfDim } from '../../dims.ts'
import { limited, placesOf } from '../../shared/compaction.ts'
import { masked } from '../../shared/mask.ts'

/** Sides of boxes: y1 ≤ y2, x1 ≤ x2, and the area. */
type Sides = readonly [y1: Value, x1: Value, y2: Value, x2: Value, area: Value]

/** Of boxes [batch, n, 4], each side as [batch, n]. */
function sidesOf(b: Builder, boxes: Value, centered: boolean): Sides {
  const parts = [0, 1, 2, 3].map((i) => b.reshape(b.sliceAxis(boxes, 2, i, 1), boxes.type.shape.slice(0, 2)))
  const [p, q, r, s] = parts as [Value, Value, Value, Value]
  const pair = (v: Value, w: Value, body: (v: Expr, w: Expr) => Expr): Value => b.map([v, w], (v, w) => body(v!, w!))
  // Centre x, centre y, width, height; or two corners y, x, in any order.
  const low = (v: Value, w: Value): Value =>
    centered ? pair(v, w, (at, size) => f.sub(at, f.mul(size, 0.5))) : pair(v, w, f.min)
  const high = (v: Value, w: Value): Value =>
    centered ? pair(v, w, (at, size) => f.add(at, f.mul(size, 0.5))) : pair(v, w, f.max)
  const [ys, xs] = (
    centered
      ? [
          [q, s],
          [p, r],
        ]
      : [
          [p, r],
          [q, s],
        ]
  ) as [[Value, Value], [Value, Value]]
  const [y1, x1, y2, x2] = [low(...ys), low(...xs), high(...ys), high(...xs)]
  return [y1, x1, y2, x2, b.map([y1, x1, y2, x2], (a, l, z, r) => f.mul(f.sub(z!, a!), f.sub(r!, l!)))]
}

/** Intersection over union; 0 where there is no intersection. */
function overlap(a: readonly Expr[], b: readonly Expr[]): Expr {
  const [y1, x1, y2, x2, areaA] = a as [Expr, Expr, Expr, Expr, Expr]
  const [v1, u1, v2, u2, areaB] = b as [Expr, Expr, Expr, Expr, Expr]
  const height = f.max(f.sub(f.min(y2, v2), f.max(y1, v1)), 0)
  const width = f.max(f.sub(f.min(x2, u2), f.max(x1, u1)), 0)
  const common = f.mul(height, width)
  return f.select(f.eq(common, 0), 0, f.div(common, f.sub(f.add(areaA, areaB), common)))
}

/** A scalar input, or `fallback` where it is omitted. */
const scalarOr = (c: OpContext, i: number, fallback: number): Value =>
  c.inputs[i] ? c.b.reshape(c.inputs[i], []) : c.b.scalar(fallback, 'f32')

/**
 * Indices [batch, class, box] of boxes that overlap no better one. In each iteration the best box that is left is kept
 * for all batches and classes, and what overlaps it leaves; the first of equal scores is the best.
 */
export const nonMaxSuppression: Operator = {
  since: 10,
  sized: true,
  lower: (c: OpContext) => {
    const { b } = c
    const [batch = 0, classes = 0, count = 0] = c.input(1).type.shape
    const boxShape = c.input(0).type.shape
    c.check(boxShape.join() === [batch, count, 4].join(), `boxes are of shape [${boxShape.join(',')}]`)
    const most = c.sizes(2, [0])[0]!
    const trips = Math.max(0, Math.min(rangeOfDim(most).high, count))
    if (trips * batch * classes === 0) return [b.full(0, 'i64', [0, 3])]
    const sides = sidesOf(b, c.input(0), c.int('center_point_box', 0) !== 0)
    const scores = b.map([masked(c, c.input(1), c.dims(1), [2], -Infinity), scalarOr(c, 4, -Infinity)], (s, least) =>
      f.select(f.gt(s!, least!), s!, -Infinity),
    )

    const left = regionArgument('f32', [batch, classes, count])
    const best = b.argreduce(left, { kind: 'max', axis: 2, last: false })
    const iteration = regionArgument('i32', [])
    const any = b.map([b.reduce('max', left, [2])], (s) => f.gt(s!, -Infinity))
    const found =
      numberOf(most) === undefined
        ? b.map([any, iteration, c.sized.value(b, most)], (a, i, n) => f.and(a!, f.lt(i!, n!)))
        : any
    const rows = b.map([best, b.iota('i32', [batch, classes], 0)], (i, n) => f.add(i!, f.mul(n!, count)))
    const all = sides.map((v) => b.reshape(v, [batch, 1, count]))
    const kept = sides.map((v) => b.reshape(b.take(b.reshape(v, [batch * count]), rows, 0), [batch, classes, 1]))
    const numbers = b.iota('i32', [count], 0)
    const own = b.reshape(best, [batch, classes, 1])
    const next = b.map([left, numbers, own, scalarOr(c, 3, 0), ...all, ...kept], (s, i, k, limit, ...boxes) => {
      const gone = f.gt(overlap(boxes.slice(0, 5), boxes.slice(5)), limit!)
      return f.select(f.or(gone, f.eq(i!, k!)), constant(-Infinity, 'f32'), s!)
    })
    const scan = { axis: 2, reverse: false }
    const loop = b.while({
      trips,
      iteration,
      condition: { initial: b.scalar(1, 'bool'), next: b.reduce('or', found, [0, 1]) },
      carried: [{ initial: scores, argument: left, next }],
      scanInputs: [],
      scanOutputs: [
        { slice: best, ...scan },
        { slice: found, ...scan },
      ],
    })
    const length = batch * classes * trips
    const [boxes, holds] = loop.stacked.map((v) => b.reshape(v, [length])) as [Value, Value]
    const { places, count: selected } = placesOf(b, holds)
    const columns = [
      b.map([places], (p) => f.div(p!, classes * trips)),
      b.map([places], (p) => f.rem(f.div(p!, trips), classes)),
      b.take(boxes, places, 0),
    ]
    const indices = columns.map((v) => b.map([b.reshape(v, [length, 1])], (i) => convert(i!, 'i64')))
    return [limited(b, b.concatenate(indices, 1), 0, selected)]
  },
}
