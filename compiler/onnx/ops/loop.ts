import { constantOf } from '../../core/evaluate.ts'
import type { OpContext, Operator } from '../context.ts'
import type { Item } from '../item.ts'
import { stacked, tensorOutput } from '../shared/unroll.ts'

function flag(c: OpContext, i: number): boolean {
  const value = c.constant(i)
  c.check(value.dtype === 'bool' && value.data.length === 1, `input ${i} is no scalar condition`)
  return value.data[0] !== 0
}

/**
 * Unrolled. Inputs: trip count, condition, carried values; the body takes the iteration, the condition and the carried
 * values, and gives the condition, the carried values and one slice of each scan output. Trip count and conditions must
 * be known at compile time.
 */
export const loop: Operator = {
  floats: 'storage',
  items: true,
  limits: 'how often it runs must be known at compile time; it is unrolled',
  lower: (c: OpContext) => {
    const body = c.graph('body')
    const carriedCount = c.inputs.length - 2
    c.check(carriedCount >= 0 && body.inputs.length === carriedCount + 2, `the body has ${body.inputs.length} inputs`)
    const scanCount = body.outputs.length - 1 - carriedCount
    c.check(scanCount >= 0, `the body has ${body.outputs.length} outputs`)
    const [trips = Infinity] = c.inputs[0] ? c.constantInts(0) : []
    let running = !c.inputs[1] || flag(c, 1)
    let carried: readonly Item[] = Array.from({ length: carriedCount }, (_, i) => c.item(i + 2) ?? c.input(i + 2))
    const run = (i: number): Item[] => c.inline(body, [c.b.scalar(i, 'i64'), c.b.scalar(1, 'bool'), ...carried])

    const slices: Item[][] = Array.from({ length: scanCount }, () => [])
    let i = 0
    for (; running && i < trips; i++) {
      const [condition, ...results] = run(i)
      carried = results.slice(0, carriedCount)
      results.slice(carriedCount).forEach((slice, k) => slices[k]!.push(slice))
      const known = constantOf(tensorOutput(c, condition))
      if (!known) c.unsupported(`whether iteration ${i + 1} takes place is not known at compile time`)
      running = known.data[0] !== 0
    }
    // Without an iteration, the body says what slices would be.
    const models = i === 0 && scanCount > 0 ? run(0).slice(1 + carriedCount) : slices.map((list) => list[0]!)
    return [...carried, ...slices.map((list, k) => stacked(c, list, models[k]!, 0))]
  },
}
