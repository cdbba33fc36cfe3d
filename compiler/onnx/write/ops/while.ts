import { splitOperands, splitOutputs, unboundedTrips, type ScanAxis } from '../../../core/ops/while.ts'
import type { Emitter } from '../emitter.ts'
import type { Edge } from '../graph.ts'
import { closed, argument } from './region.ts'
import type { Rule } from './rule.ts'

const counter = { dtype: 'i64', shape: [] } as const
const flag = { dtype: 'bool', shape: [] } as const

/** Loop. Slices of scan inputs are looked up by the number of the iteration; what is invariant is read from outside. */
export const whileLoop: Rule<'while'> = (e, node, operands, emitRegion) => {
  const a = node.attrs
  const { condition, carried, scanInputs, invariants } = splitOperands(operands, a)
  const types = node.results.map((r) => r.type)
  if (a.trips === 0) return [...carried, ...types.slice(carried.length).map((t) => e.full(0, t.dtype, t.shape))]
  const inner = e.inner()
  const [iteration, running] = [argument(counter), argument(flag)]
  const state = carried.map((x) => argument(x.type))
  const slices = scanInputs.map((x, i) => {
    const { axis, reverse } = a.scanInputs[i]!
    const at = reverse ? inner.elementwise('Sub', [inner.scalar(a.trips - 1, 'i64'), iteration]) : iteration
    const type = { dtype: x.type.dtype, shape: x.type.shape.toSpliced(axis, 1) }
    return inner.node('Gather', [x, at], type, { axis })
  })
  const given = [inner.cast(iteration, 'i32'), ...state, ...slices, ...invariants]
  const results = splitOutputs(emitRegion(inner, a.body, given), a)
  // How many iterations took place is known beforehand unless a condition ends them.
  const count = a.conditional ? [argument(counter)] : []
  const counted = count.map(() => inner.elementwise('Add', [iteration, inner.scalar(1, 'i64')]))
  const body = closed(
    inner,
    [iteration, running, ...state, ...count],
    [results.condition ?? running, ...results.carried, ...counted, ...results.slices],
  )
  const stacks = results.slices.map(({ type: { dtype, shape } }) => ({ dtype, shape: [a.trips, ...shape] }))
  const trips = a.trips === unboundedTrips ? undefined : e.scalar(a.trips, 'i64')
  const initial = [...carried, ...count.map(() => e.scalar(0, 'i64'))]
  const outputs = e.nodeOf(
    'Loop',
    [trips, condition, ...initial],
    [...carried.map((x) => x.type), ...count.map(() => counter), ...stacks],
    { body: { graph: body } },
  )
  const took = a.conditional ? outputs[carried.length]! : undefined
  const stacked = outputs.slice(initial.length).map((y, i) => stackedAs(e, y, a.scanOutputs[i]!, a.trips, took))
  return [...outputs.slice(0, carried.length), ...stacked, took ? e.cast(took, 'i32') : e.scalar(a.trips, 'i32')]
}

/** Slices along `axis`, of which those that no iteration gave are 0. */
function stackedAs(e: Emitter, stack: Edge, { axis, reverse }: ScanAxis, trips: number, took: Edge | undefined): Edge {
  const { shape } = stack.type
  const bounds = [-1, -(2 ** 31), 0, -1].map((n) => e.ints([n]))
  const turned = reverse ? e.node('Slice', [stack, ...bounds], stack.type) : stack
  const missing = took && e.elementwise('Sub', [e.scalar(trips, 'i64'), took])
  const filled = missing ? behind(e, turned, e.reshape(missing, [1]), reverse) : turned
  const order = shape.map((_, i) => i).filter((i) => i !== 0)
  return e.transpose(filled, order.toSpliced(axis, 0, 0))
}

/** `x` with so many slices of 0 behind it, or before it. */
function behind(e: Emitter, x: Edge, count: Edge, before: boolean): Edge {
  const rank = x.type.shape.length
  const zeros = (n: number): Edge[] => (n > 0 ? [e.ints(new Array<number>(n).fill(0))] : [])
  const pads = before ? [count, ...zeros(2 * rank - 1)] : [...zeros(rank), count, ...zeros(rank - 1)]
  return e.padBy(x, e.concat(pads, 0), e.scalar(0, x.type.dtype), x.type.shape)
}
