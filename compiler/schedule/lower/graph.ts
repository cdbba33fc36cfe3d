import type { Graph } from '../../core/graph.ts'
import { contiguous } from '../program/access.ts'
import { withoutCopies, type Copy } from '../memory/carry.ts'
import type { Program, State } from '../program/program.ts'
import { updateOrder } from './update-order.ts'
import { Scheduler, type Lower, type ScheduleOptions } from './scheduler.ts'
import { copyStates, nextStates } from './states.ts'

/** Schedules `graph` by `lower`, which holds a rule for every op. What is in `states` is neither input nor output. */
export function scheduleWith(graph: Graph, lower: Lower, states: readonly State[], options: ScheduleOptions): Program {
  const s = new Scheduler(graph, lower, options)
  const kept = new Map(states.map((state) => [state.input, state]))
  const ports = graph.inputs.map(({ name, value }) => {
    const state = kept.get(name)
    return s.input(value, name, state && { kind: 'pinned', ...(state.start && { data: state.start }) })
  })
  const { order, settled } = updateOrder(graph, states)
  for (const node of order) {
    lower(s, node)
    for (const value of settled.get(node) ?? []) s.force(value)
  }
  const inputs = ports.filter(({ name }) => !kept.has(name))
  const taken = new Set(inputs.map(({ buffer }) => buffer))
  const nexts = new Set(states.map(({ next }) => next))
  const outputs = graph.outputs.flatMap(({ name, value }) => {
    if (nexts.has(name)) return []
    const port = s.output(value, name, taken)
    taken.add(port.buffer)
    return [port]
  })
  // Everything else has been computed when old values make room for new ones.
  const pinned = ports.filter(({ name }) => kept.has(name))
  const places = pinned.map(({ buffer, shape }) => contiguous(buffer, shape))
  const values = pinned.map(({ name }) => graph.outputs.find((o) => o.name === kept.get(name)!.next)!.value)
  const copies = copyStates(s, nextStates(s, values, places), places)
  const kernels = s.emitted()
  const at = kernels.length - copies
  const fixed = new Set([...inputs, ...outputs].map(({ buffer }) => buffer))
  return {
    ...(s.prepared.length > 0 && { prepared: s.prepared }),
    kernels: withoutCopies(kernels.slice(0, at), kernels.slice(at) as Copy[], fixed),
    inputs,
    outputs,
    states: pinned,
  }
}
