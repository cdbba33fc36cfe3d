import { fail } from '../../../core/diagnostics/diagnostic.ts'
import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import { normalizeAxis, range } from '../../shared/axes.ts'
import { takeFixed } from '../../shared/indices.ts'

/** Which element of an axis of `d` stands at place `i`, which may be outside. */
const extensions: Readonly<Record<string, (i: number, d: number) => number>> = {
  edge: (i, d) => Math.max(0, Math.min(d - 1, i)),
  wrap: (i, d) => ((i % d) + d) % d,
  reflect: (i, d) => {
    const period = Math.max(1, 2 * (d - 1))
    const at = ((i % period) + period) % period
    return at < d ? at : period - at
  },
}

/** The places of elements are listed one by one. */
const maxExtension = 2 ** 20

/** Padding of every axis; negative padding removes elements. */
function padsOf(c: OpContext, rank: number): { low: number[]; high: number[] } {
  const pads = c.opset >= 11 ? c.constantInts(1) : c.ints(c.opset === 1 ? 'paddings' : 'pads')
  const axes = c.constantInts(3, range(0, rank)).map((axis) => normalizeAxis(c, axis, rank))
  c.check(pads.length === 2 * axes.length, `${pads.length} pads for ${axes.length} axes`)
  const low = new Array<number>(rank).fill(0)
  const high = new Array<number>(rank).fill(0)
  axes.forEach((axis, i) => {
    low[axis] = pads[i]!
    high[axis] = pads[i + axes.length]!
  })
  return { low, high }
}

function fillValue(c: OpContext, x: Value): Value {
  if (c.opset < 11) return c.b.scalar(c.float('value', 0), x.type.dtype)
  return c.inputs[2] ? c.b.reshape(c.inputs[2], []) : c.b.scalar(0, x.type.dtype)
}

export const pad: Operator = {
  floats: 'moved',
  lower: (c: OpContext) => {
    const { b } = c
    const x = c.input(0)
    const { low, high } = padsOf(c, x.type.shape.length)
    const kept = x.type.shape.map((d, i) => d + Math.min(0, low[i]!) + Math.min(0, high[i]!))
    c.check(
      kept.every((d) => d >= 0),
      `pads [${[...low, ...high].join(',')}] remove more than [${x.type.shape.join(',')}]`,
    )
    const inner = b.slice(
      x,
      low.map((n) => Math.max(0, -n)),
      kept,
    )
    const before = low.map((n) => Math.max(0, n))
    const after = high.map((n) => Math.max(0, n))
    const mode = c.string('mode', 'constant')
    if (mode === 'constant') return [b.pad(inner, fillValue(c, x), before, after)]
    const extend = extensions[mode]
    if (!extend) return c.unsupported(`mode "${mode}"`)
    let result = inner
    kept.forEach((d, axis) => {
      if (before[axis] === 0 && after[axis] === 0) return
      c.check(d > 0, `axis ${axis} has nothing to extend`)
      if (before[axis]! + after[axis]! > maxExtension)
        fail('A301', `mode ${mode} by more than ${maxExtension} elements`)
      result = takeFixed(
        b,
        result,
        range(-before[axis]!, d + after[axis]!).map((i) => extend(i, d)),
        axis,
      )
    })
    return [result]
  },
}
