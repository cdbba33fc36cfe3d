import type { Builder } from '../../../core/builder.ts'
import { constant, type Expr } from '../../../core/scalar/expr.ts'
import { add, eq, select } from '../../../core/scalar/formula.ts'
import type { NodeOf, Value } from '../../../core/graph.ts'
import type { WindowAxis } from '../../../core/ops/window.ts'
import { walk } from '../../../core/shape.ts'
import { tensorOf } from '../../../core/tensor.ts'
import { beforePhases, fromPhases, paddedInput } from './window-phases.ts'

/** Of each window the number of the first tap that is its result. */
function chosenTaps(b: Builder, padded: Value, y: Value, window: readonly WindowAxis[]): Value {
  const places = y.type.shape
  const strides = places.map((n, i) => (n > 1 ? window[i]!.stride : 1))
  const taps: Value[] = []
  walk(
    window.map((w) => w.size),
    [],
    (_, tap) => {
      const start = tap.map((k, i) => k * window[i]!.dilation)
      taps.push(b.slice(padded, start, places, strides))
    },
  )
  const last = constant(taps.length - 1, 'i32')
  return b.map([y, ...taps.slice(0, -1)], (extreme, ...elements) =>
    elements.reduceRight((behind, e, tap) => select(eq(e!, extreme!), constant(tap, 'i32'), behind), last),
  )
}

/** Along one axis: the tap of the window j before the last one at phase r of its stride, or −1. */
function tapsByPhase({ size, stride, dilation }: WindowAxis): number[][] {
  const steps = Math.floor(((size - 1) * dilation) / stride) + 1
  return Array.from({ length: steps }, (_, j) =>
    Array.from({ length: stride }, (_, r) => {
      const tap = (r + stride * j) / dilation
      return Number.isInteger(tap) && tap < size ? tap : -1
    }),
  )
}

/** By phase along each axis the row-major number of a tap, −2 where there is none: [1, phases, 1, phases, …]. */
function tapNumbers(b: Builder, byAxis: readonly (readonly number[])[], window: readonly WindowAxis[]): Value {
  const shape = byAxis.map((phases) => phases.length)
  const numbers: number[] = []
  walk(shape, [], (_, phase) => {
    const taps = phase.map((r, i) => byAxis[i]![r]!)
    numbers.push(taps.includes(-1) ? -2 : taps.reduce((number, tap, i) => number * window[i]!.size + tap, 0))
  })
  const axes = shape.flatMap((d) => [1, d])
  return b.constant(tensorOf('i32', axes, numbers))
}

/**
 * The gradient of the windows' largest (or smallest) elements, the first of equal ones in row-major order. Which tap it is
 * is a tensor of the result's shape. An element gets what the windows over it give that have chosen it: those that begin at its
 * place and a few before.
 */
export function ofExtremes(
  b: Builder,
  node: NodeOf<'reduce_window'>,
  window: readonly WindowAxis[],
  kind: 'max' | 'min',
  dy: Value,
): Value {
  const [x] = node.operands
  const [y] = node.results
  const chosen = chosenTaps(b, paddedInput(b, x!, window, kind), y!, window)
  const byPhase = window.map(tapsByPhase)
  const steps = byPhase.map((axis) => axis.length)
  // Windows that would begin before the first one or behind the last have chosen nothing.
  const beside = steps.map((n) => n - 1)
  const choices = b.pad(chosen, b.scalar(-1, 'i32'), beside, beside)
  const given = b.pad(dy, b.scalar(0, dy.type.dtype), beside, beside)
  const lengths = dy.type.shape.map((n, i) => n + beside[i]!)
  const terms: Value[] = []
  walk(steps, [], (_, j) => {
    const start = j.map((step, i) => beside[i]! - step)
    const wanted = j.map((step, i) => byPhase[i]![step]!)
    for (const v of [choices, given]) terms.push(beforePhases(b, b.slice(v, start, lengths)))
    terms.push(tapNumbers(b, wanted, window))
  })
  const phases = b.map(terms, (...parts) => {
    const each = Array.from({ length: parts.length / 3 }, (_, i) => {
      const [tap, c, wanted] = parts.slice(3 * i) as [Expr, Expr, Expr]
      return select(eq(tap, wanted), c, 0)
    })
    return each.reduce((sum, term) => add(sum, term))
  })
  return fromPhases(b, phases, window, x!.type.shape)
}
