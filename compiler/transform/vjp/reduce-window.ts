import type { Builder } from '../../core/builder.ts'
import { constant, select, type Expr } from '../../core/expr.ts'
import { add, eq } from '../../core/formula.ts'
import type { NodeOf, Value } from '../../core/graph.ts'
import { identityOf, type ReduceKind } from '../../core/ops/reduce.ts'
import { isTrivialWindow, spreadLength, type WindowAxis } from '../../core/ops/window.ts'
import { regionArgument } from '../../core/region.ts'
import { elementCount, walk, type Shape } from '../../core/shape.ts'
import { scalarTensor, tensorOf } from '../../core/tensor.ts'
import { rebase } from './rebase.ts'
import type { Vjp } from './rule.ts'
import { isEmpty, padOrCut, spreadAxis } from './spread.ts'

/** Sums over the windows that an element is in. */
function ofSum(b: Builder, { operands, attrs }: NodeOf<'reduce_window'>, dy: Value): Value {
  const { shape } = operands[0]!.type
  const turned = attrs.window.map((axis, i) => {
    const reach = (axis.size - 1) * axis.dilation
    const low = reach - axis.low
    const spread = spreadLength(dy.type.shape[i]!, axis.stride)
    const high = reach + 1 + (shape[i]! - 1) * axis.baseDilation - spread - low
    return { ...axis, stride: axis.baseDilation, baseDilation: axis.stride, low, high }
  })
  return b.reduceWindow('add', dy, turned)
}

/** `x` spread and padded by what leaves others unchanged, so that every window is inside. */
function paddedInput(b: Builder, x: Value, window: readonly WindowAxis[], kind: ReduceKind): Value {
  const { dtype } = x.type
  const fill = b.constant(scalarTensor(dtype, identityOf(kind, dtype)))
  const spread = window.reduce((v, { baseDilation }, axis) => spreadAxis(b, v, axis, baseDilation, fill), x)
  return padOrCut(
    b,
    spread,
    fill,
    window.map((w) => w.low),
    window.map((w) => w.high),
  )
}

/** The number of the first of `taps` that is `y`. */
function firstTap(b: Builder, taps: readonly Value[], y: Value): Value {
  return b.map([y, ...taps.slice(0, -1)], (extreme, ...elements) =>
    elements.reduceRight(
      (behind, element, tap) => select(eq(element!, extreme!), constant(tap, 'i32'), behind),
      constant(taps.length - 1, 'i32'),
    ),
  )
}

/** Along one axis: the tap of the window j before the last one at phase r of its stride, or none. */
function tapsByPhase({ size, stride, dilation }: WindowAxis): number[][] {
  const steps = Math.floor(((size - 1) * dilation) / stride) + 1
  return Array.from({ length: steps }, (_, j) =>
    Array.from({ length: stride }, (_, r) => {
      const tap = (r + stride * j) / dilation
      return Number.isInteger(tap) && tap < size ? tap : -1
    }),
  )
}

/**
 * The gradient of the windows' largest (or smallest) elements, the first of equal ones in row-major order. Which tap it is
 * is a tensor of the result's shape. An element gets what windows over it have chosen: seen as [places, phases of the stride] along
 * each axis, the windows over it are those at its place and a few before.
 */
function ofExtreme(b: Builder, node: NodeOf<'reduce_window'>, kind: 'max' | 'min', dy: Value): Value {
  const [x] = node.operands
  const [y] = node.results
  const { window } = node.attrs
  const { shape } = x!.type
  const places = dy.type.shape
  const padded = paddedInput(b, x!, window, kind)
  const sizes = window.map((w) => w.size)
  const strides = window.map((w) => w.stride)
  const taps: Value[] = []
  walk(sizes, [], (_, tap) => {
    const start = tap.map((k, i) => k * window[i]!.dilation)
    taps.push(
      b.slice(
        padded,
        start,
        places,
        places.map((n, i) => (n > 1 ? strides[i]! : 1)),
      ),
    )
  })
  const chosen = firstTap(b, taps, y!)
  const byPhase = window.map(tapsByPhase)
  const steps = byPhase.map((axis) => axis.length)
  // Windows that begin before the first element or behind the last have chosen nothing.
  const beside = steps.map((n) => n - 1)
  const chosenWide = b.pad(chosen, b.scalar(-1, 'i32'), beside, beside)
  const given = b.pad(dy, b.scalar(0, dy.type.dtype), beside, beside)
  const lengths = places.map((n, i) => n + beside[i]!)
  const interleaved = (v: Value): Value =>
    b.reshape(
      v,
      v.type.shape.flatMap((d) => [d, 1]),
    )
  const terms: Value[] = []
  walk(steps, [], (_, j) => {
    const start = j.map((step, i) => beside[i]! - step)
    const at = (v: Value): Value => interleaved(b.slice(v, start, lengths))
    terms.push(
      at(chosenWide),
      at(given),
      tapNumbers(
        b,
        j.map((step, i) => byPhase[i]![step]!),
        sizes,
      ),
    )
  })
  const all = b.map(terms, (...parts) => {
    const zero = constant(0, dy.type.dtype)
    const each = Array.from({ length: parts.length / 3 }, (_, i) => {
      const [tap, c, wanted] = parts.slice(3 * i) as [Expr, Expr, Expr]
      return select(eq(tap, wanted), c, zero)
    })
    return each.reduce((sum, term) => add(sum, term))
  })
  const whole = b.reshape(
    all,
    lengths.map((n, i) => n * strides[i]!),
  )
  const extents = padded.type.shape
  const fitted = padOrCut(
    b,
    whole,
    b.scalar(0, dy.type.dtype),
    extents.map(() => 0),
    extents.map((d, i) => d - whole.type.shape[i]!),
  )
  const inside = padOrCut(
    b,
    fitted,
    b.scalar(0, dy.type.dtype),
    window.map((w) => -w.low),
    window.map((w) => -w.high),
  )
  return b.slice(
    inside,
    shape.map(() => 0),
    shape,
    shape.map((d, i) => (d > 1 ? window[i]!.baseDilation : 1)),
  )
}

/** By phase along each axis the row-major number of a tap, −2 where there is none: [1, phases, 1, phases, …]. */
function tapNumbers(b: Builder, byAxis: readonly (readonly number[])[], sizes: readonly number[]): Value {
  const shape = byAxis.map((phases) => phases.length)
  const numbers: number[] = []
  walk(shape, [], (_, phase) => {
    const taps = phase.map((r, i) => byAxis[i]![r]!)
    numbers.push(taps.includes(-1) ? -2 : taps.reduce((number, tap, i) => number * sizes[i]! + tap, 0))
  })
  return b.constant(
    tensorOf(
      'i32',
      shape.flatMap((d) => [1, d]),
      numbers,
    ),
  )
}

/** The windows one beside another, each element as often as it is in one, and reduced: for what has no better way back. */
function unfolded(b: Builder, x: Value, window: readonly WindowAxis[], kind: ReduceKind, places: Shape): Value {
  const moving = window.map((_, axis) => axis).filter((axis) => !isTrivialWindow(window[axis]!))
  const wide = moving.reduceRight(
    (v, axis) => {
      const { size, stride, dilation } = window[axis]!
      const positions = Array.from({ length: places[axis]! * size }, (_, i) => {
        return Math.floor(i / size) * stride + (i % size) * dilation
      })
      return b.take(v, b.constant(tensorOf('i32', [places[axis]!, size], positions)), axis)
    },
    paddedInput(b, x, window, kind),
  )
  const taps = moving.map((axis, i) => axis + i + 1)
  return b.reduce(kind, wide, taps)
}

/** Reads of one loop up to which each tap of a window is one. */
const mostTaps = 12

export const reduceWindow: Vjp<'reduce_window'> = ({ node, b, dy, pullBack }) => {
  const [x] = node.operands
  const { kind, window } = node.attrs
  if (isEmpty(x!) || isEmpty(dy)) return []
  if (kind === 'add') return [ofSum(b, node, dy)]
  // Integers and booleans only.
  if (kind === 'and' || kind === 'or') return []
  const taps = elementCount(window.map((w) => w.size))
  if (kind !== 'mul' && taps <= mostTaps) return [ofExtreme(b, node, kind, dy)]
  const [own, cotangent] = [x!, dy].map(({ type: { dtype, shape } }) => regionArgument(dtype, shape))
  const windows = unfolded(b, own!, window, kind, dy.type.shape)
  const [dx] = pullBack([windows], [cotangent], [own!])
  return rebase(
    [dx!],
    new Map([
      [own!, x!],
      [cotangent!, dy],
    ]),
  )
}
