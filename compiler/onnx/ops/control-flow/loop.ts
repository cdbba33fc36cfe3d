import { constantOf } from '../../../core/evaluate.ts'
import { convert } from '../../../core/scalar/expr.ts'
import * as f from '../../../core/scalar/formula.ts'
import type { Value } from '../../../core/graph.ts'
import { unboundedTrips } from '../../../core/ops/control-flow/while.ts'
import { regionArgument } from '../../../core/region.ts'
import { elementCount } from '../../../core/shape.ts'
import { toNumbers } from '../../../core/tensor.ts'
import type { OpContext, Operator } from '../../context.ts'
import type { Item } from '../../item.ts'
import { limited } from '../../shared/compaction.ts'
import { stacked, tensorOutput, unrolls } from '../../shared/unroll.ts'

/** Inputs and what is known of them. */
interface Form {
  readonly carried: readonly Item[]
  readonly scanCount: number
  /** The trip count: Infinity without one, undefined where it is not known at compile time. */
  readonly trips: number | undefined
  /** Whether there is a first iteration, as far as the condition goes. */
  readonly starts: boolean | undefined
}

function formOf(c: OpContext): Form {
  const body = c.graph('body')
  const carriedCount = c.inputs.length - 2
  c.check(carriedCount >= 0 && body.inputs.length === carriedCount + 2, `the body has ${body.inputs.length} inputs`)
  const scanCount = body.outputs.length - 1 - carriedCount
  c.check(scanCount >= 0, `the body has ${body.outputs.length} outputs`)
  const [limit, condition] = c.inputs
  for (const scalar of [limit, condition]) {
    c.check(!scalar || elementCount(scalar.type.shape) === 1, 'trip count or condition is no scalar')
  }
  const known = limit && constantOf(limit)
  const starts = condition && constantOf(condition)
  return {
    carried: Array.from({ length: carriedCount }, (_, i) => c.item(i + 2) ?? c.input(i + 2)),
    scanCount,
    trips: limit ? known && Math.max(0, toNumbers(known)[0]!) : Infinity,
    starts: condition ? starts && starts.data[0] !== 0 : true,
  }
}

/** What the body gets for its first two inputs: scalars, or tensors of one element where it declares those. */
function counters(c: OpContext, iteration: Value, condition: Value): Value[] {
  const { inputs } = c.graph('body')
  return [iteration, condition].map((value, i) => {
    const rank = inputs[i]!.shape?.length ?? 0
    const shape = new Array<number>(rank).fill(1)
    c.check(
      inputs[i]!.shape?.every((d) => typeof d !== 'number' || d === 1) ?? true,
      `input ${i} of the body has shape [${inputs[i]!.shape?.join(',')}], not that of a scalar`,
    )
    return c.b.reshape(value, shape)
  })
}

/** Iteration by iteration; all conditions must be known at compile time. */
function unroll(c: OpContext, { carried: initial, scanCount }: Form): Item[] {
  const body = c.graph('body')
  const [trips = Infinity] = c.inputs[0] ? c.constantInts(0) : []
  let running = !c.inputs[1] || c.constant(1).data[0] !== 0
  let carried = initial
  const iterate = (i: number): Item[] =>
    c.inline(body, [...counters(c, c.b.scalar(i, 'i64'), c.b.scalar(1, 'bool')), ...carried])
  const slices: Item[][] = Array.from({ length: scanCount }, () => [])
  let i = 0
  for (; running && i < trips; i++) {
    const [condition, ...results] = iterate(i)
    carried = results.slice(0, carried.length)
    results.slice(carried.length).forEach((slice, k) => slices[k]!.push(slice))
    const known = constantOf(tensorOutput(c, condition))
    if (!known) c.unsupported(`whether iteration ${i + 1} takes place is not known at compile time`)
    running = known.data[0] !== 0
  }
  // Without an iteration, the body says what slices would be.
  const models = i === 0 && scanCount > 0 ? iterate(0).slice(1 + carried.length) : slices.map((list) => list[0]!)
  return [...carried, ...slices.map((list, k) => stacked(c, list, models[k]!, 0))]
}

/** A loop that runs: carried values are tensors that keep their types, and the body does not need to know the iteration. */
function run(c: OpContext, { carried, scanCount, trips }: Form): Item[] {
  const { b } = c
  const [limit, start] = c.inputs
  const initial = carried.map((item) => tensorOutput(c, item))
  const states = initial.map(({ type }) => regionArgument(type.dtype, type.shape))
  const iteration = regionArgument('i32', [])
  const scalar = (v: Value): Value => b.reshape(v, [])
  // While the body runs, the condition holds.
  const [condition, ...results] = c
    .inline(c.graph('body'), [...counters(c, b.convert(iteration, 'i64'), b.scalar(1, 'bool')), ...states])
    .map((item) => tensorOutput(c, item))
  const continues = scalar(condition!)
  const always = (v: Value | undefined): boolean => !v || (constantOf(v)?.data[0] ?? 0) !== 0
  if (trips === Infinity && always(continues)) c.unsupported('nothing ends the loop')
  const bounded = trips !== undefined && trips < unboundedTrips
  const within = (v: Value, done: Value): Value =>
    trips === undefined ? b.map([v, done, scalar(limit!)], (go, i, n) => f.and(go, f.lt(convert(i, 'i64'), n))) : v
  const conditional = !bounded || !always(start) || !always(continues)
  if (!bounded && scanCount > 0) c.unsupported('scan outputs of a length that nothing bounds at compile time')
  const {
    carried: last,
    stacked: scans,
    count,
  } = b.while({
    trips: bounded ? trips : unboundedTrips,
    iteration,
    ...(conditional && {
      condition: {
        initial: within(start ? scalar(start) : b.scalar(1, 'bool'), b.scalar(0, 'i32')),
        next: within(
          continues,
          b.map([iteration], (i) => f.add(i, 1)),
        ),
      },
    }),
    carried: initial.map((value, i) => ({ initial: value, argument: states[i]!, next: results[i]! })),
    scanInputs: [],
    scanOutputs: results.slice(initial.length).map((slice) => ({ slice, axis: 0, reverse: false })),
  })
  return [...last, ...(conditional ? scans.map((padded) => limited(b, padded, 0, count)) : scans)]
}

/**
 * Inputs: trip count, condition, carried values; the body takes the iteration, the condition and the carried values, and
 * gives the condition, the carried values and one slice of each scan output. Unrolled where that is short, or where
 * iterations differ in more than values.
 */
export const loop: Operator = {
  floats: 'storage',
  items: true,
  lower: (c: OpContext) => {
    const form = formOf(c)
    const { trips, starts } = form
    if (starts === false || trips === 0) return unroll(c, form)
    const short = starts && trips !== undefined && unrolls(c.graph('body'), trips)
    const [first, second] = short ? [unroll, run] : [run, unroll]
    return c.attempt(() => first(c, form)) ?? second(c, form)
  },
}
