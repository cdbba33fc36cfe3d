import type { NodeOf } from '../../core/graph.ts'
import { elementCount } from '../../core/shape.ts'
import { contiguous } from '../program/access.ts'
import { call } from '../program/call.ts'
import { lazyAccess } from './lazy.ts'
import { originOf, type Scheduler } from './scheduler.ts'

const templates = {
  f32: 'f32_sort',
  f64: 'f64_sort',
  i8: 'i8_sort',
  i16: 'i16_sort',
  i32: 'i32_sort',
  i64: 'i64_sort',
  u8: 'u8_sort',
  u16: 'u16_sort',
  u32: 'u32_sort',
  u64: 'u64_sort',
} as const

/** Rows are sorted by merging index lists, then the values are gathered. */
export function sort(s: Scheduler, node: NodeOf<'sort'>): void {
  const [x] = node.operands
  const [values, indices] = node.results
  const { axis, descending } = node.attrs
  const { shape, dtype } = x!.type
  const template = dtype in templates ? templates[dtype as keyof typeof templates] : undefined
  if (!template) throw new TypeError(`sorting ${dtype}`)
  const from = s.forceContiguous(x!)
  const length = shape[axis]!
  const sorted = contiguous(s.newBuffer(dtype, elementCount(shape)), shape)
  const order = contiguous(s.newBuffer('i32', elementCount(shape)), shape)
  const scratch = s.newBuffer('i32', 2 * Math.max(1, length))
  if (elementCount(shape) > 0) {
    s.emit(
      call(
        template,
        {
          x: { buffer: from.buffer, offset: from.offset },
          values: { buffer: sorted.buffer, offset: 0 },
          indices: { buffer: order.buffer, offset: 0 },
          scratch: { buffer: scratch, offset: 0 },
          outer: elementCount(shape.slice(0, axis)),
          length,
          inner: elementCount(shape.slice(axis + 1)),
          descending: descending ? 1 : 0,
        },
        { nodes: originOf(node) },
      ),
    )
  }
  s.define(values!, lazyAccess(sorted, values!.type))
  s.define(indices!, lazyAccess(order, indices!.type))
}
