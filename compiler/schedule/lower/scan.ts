import type { NodeOf } from '../../core/graph.ts'
import { mapStrides } from '../program/access.ts'
import { lazyAccess } from './lazy.ts'
import type { Access } from '../program/program.ts'
import { originOf, type Scheduler } from './scheduler.ts'

const axisLast = (rank: number, axis: number): number[] => [
  ...Array.from({ length: rank }, (_, i) => i).filter((i) => i !== axis),
  axis,
]

export function cumulate(s: Scheduler, node: NodeOf<'cumulate'>): void {
  const [x] = node.operands
  const [result] = node.results
  const { axis, kind, exclusive, reverse } = node.attrs
  const { shape } = x!.type
  const order = axisLast(shape.length, axis)
  const write = s.allocate(result!.type)
  const along = (a: Access): Access => {
    const step = a.strides[axis]!
    const first = reverse ? Math.max(0, shape[axis]! - 1) * step : 0
    const moved = mapStrides({ ...a, offset: a.offset + first }, (strides) => order.map((i) => strides[i]!))
    return reverse ? { ...moved, strides: [...moved.strides.slice(0, -1), -step] } : moved
  }
  s.emit({
    kind: 'scan',
    mode: { kind: 'cumulate', combine: kind, exclusive },
    extents: order.map((i) => shape[i]!),
    read: along(s.force(x!)),
    write: along(write),
    nodes: originOf(node),
  })
  s.define(result!, lazyAccess(write, result!.type))
}

export function argreduce(s: Scheduler, node: NodeOf<'argreduce'>): void {
  const [x] = node.operands
  const [result] = node.results
  const { axis, kind, last } = node.attrs
  const { shape } = x!.type
  const order = axisLast(shape.length, axis)
  const write = s.allocate(result!.type)
  s.emit({
    kind: 'scan',
    mode: { kind: 'argreduce', best: kind, last },
    extents: order.map((i) => shape[i]!),
    read: mapStrides(s.force(x!), (strides) => order.map((i) => strides[i]!)),
    write: mapStrides(write, (strides) => [...strides, 0]),
    nodes: originOf(node),
  })
  s.define(result!, lazyAccess(write, result!.type))
}
