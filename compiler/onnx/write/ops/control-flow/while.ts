import { splitOperands, splitOutputs, unboundedTrips } from '../../../../core/ops/control-flow/while.ts'
import type { Emitter } from '../../emitter.ts'
import type { Edge } from '../../graph.ts'
import { closed, argument } from './region.ts'
import type { Rule } from '../rule.ts'

const counter = { dtype: 'i64', shape: [] } as const
const flag = { dtype: 'bool', shape: [] } as const

/**
 * Loop. Slices of scan inputs are looked up by the number of the iteration; what is invariant is read from outside. Scan outputs of a
 * loop that a condition ends are carried, at their greatest length: Loop would give one that depends on data.
 */
export const whileLoop: Rule<'while'> = (e, node, operands, emitRegion) => {
  const a = node.attrs
  const { condition, carried, scanInputs, invariants } = splitOperands(operands, a)
  const types = node.results.map((r) => r.type)
  if (a.trips === 0) return [...carried, ...types.slice(carried.length).map((t) => e.full(0, t.dtype, t.shape))]
  const inner = e.inner()
  const [iteration, running] = [argument(counter), argument(flag)]
  const place = (reverse: boolean): Edge =>
    reverse ? inner.elementwise('Sub', [inner.scalar(a.trips - 1, 'i64'), iteration]) : iteration
  const state = carried.map((x) => argument(x.type))
  const slices = scanInputs.map((x, i) => {
    const { axis, reverse } = a.scanInputs[i]!
    const type = { dtype: x.type.dtype, shape: x.type.shape.toSpliced(axis, 1) }
    return inner.node('Gather', [x, place(reverse)], type, { axis })
  })
  const given = [inner.cast(iteration, 'i32'), ...state, ...slices, ...invariants]
  const results = splitOutputs(emitRegion(inner, a.body, given), a)
  const stackType = ({ type: { dtype, shape } }: Edge) => ({ dtype, shape: [a.trips, ...shape] })
  // How many iterations took place is known beforehand unless a condition ends them.
  const own = a.conditional
    ? [
        {
          initial: e.scalar(0, 'i64'),
          argument: argument(counter),
          next: inner.elementwise('Add', [iteration, inner.scalar(1, 'i64')]),
        },
        ...results.slices.map((slice, i) => {
          const { dtype, shape } = stackType(slice)
          const stack = argument({ dtype, shape })
          const at = inner.reshape(place(a.scanOutputs[i]!.reverse), [1, 1])
          const next = inner.node('ScatterND', [stack, at, inner.unsqueeze(slice, [0])], stack.type)
          return { initial: e.full(0, dtype, shape), argument: stack, next }
        }),
      ]
    : []
  const scanned = a.conditional ? [] : results.slices
  const body = closed(
    inner,
    [iteration, running, ...state, ...own.map((o) => o.argument)],
    [results.condition ?? running, ...results.carried, ...own.map((o) => o.next), ...scanned],
  )
  const trips = a.trips === unboundedTrips ? undefined : e.scalar(a.trips, 'i64')
  const outputs = e.nodeOf(
    'Loop',
    [trips, condition, ...carried, ...own.map((o) => o.initial)],
    [...carried.map((x) => x.type), ...own.map((o) => o.argument.type), ...scanned.map(stackType)],
    { body: { graph: body } },
  )
  const behind = outputs.slice(carried.length)
  const count = a.conditional ? e.cast(behind.shift()!, 'i32') : e.scalar(a.trips, 'i32')
  const stacked = behind.map((stack, i) => {
    const { axis, reverse } = a.scanOutputs[i]!
    const turned = reverse && !a.conditional ? reversed(e, stack) : stack
    const others = stack.type.shape.map((_, k) => k).slice(1)
    return e.transpose(turned, others.toSpliced(axis, 0, 0))
  })
  return [...outputs.slice(0, carried.length), ...stacked, count]
}

function reversed(e: Emitter, x: Edge): Edge {
  const { shape } = x.type
  const along = (first: number, other: number): number[] => shape.map((_, i) => (i === 0 ? first : other))
  return e.slice(x, along(shape[0]! - 1, 0), shape, along(-1, 1))
}
