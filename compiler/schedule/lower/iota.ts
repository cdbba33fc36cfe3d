import { isStorageOnly } from '../../core/scalar/dtype.ts'
import { arg, convert } from '../../core/scalar/expr.ts'
import type { NodeOf } from '../../core/graph.ts'
import { ops } from '../../core/ops/index.ts'
import { scalarTensor, typeBytes } from '../../core/tensor.ts'
import { contiguous } from '../program/access.ts'
import { lazyAccess } from './lazy.ts'
import type { Access } from '../program/program.ts'
import { originOf, type Scheduler } from './scheduler.ts'

/** Longer ones are counted when the model runs: they would be most of the module. */
const largestConstant = 1 << 16

export function iota(s: Scheduler, node: NodeOf<'iota'>): void {
  const [result] = node.results
  const { type, axis } = node.attrs
  if (typeBytes(type) <= largestConstant || isStorageOnly(type.dtype)) {
    const [value] = ops.iota.evaluate([], node.attrs)
    s.define(result!, lazyAccess(s.constantAccess(value!), type))
    return
  }
  const length = type.shape[axis]!
  const counted = contiguous(s.newBuffer('i32', length), [length])
  s.emit({
    kind: 'scan',
    mode: { kind: 'cumulate', combine: 'add', exclusive: true },
    extents: [length],
    read: { ...s.constantAccess(scalarTensor('i32', 1)), strides: [0] },
    write: counted,
    nodes: originOf(node),
  })
  const along: Access = { ...counted, strides: type.shape.map((_, i) => (i === axis ? 1 : 0)) }
  const expr = convert(arg(0, 'i32'), type.dtype)
  s.define(result!, { type, expr, args: [along], nodes: originOf(node) })
}
