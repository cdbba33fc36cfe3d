import { isStorageOnly } from '../../core/dtype.ts'
import { arg, constant as constantExpr, substitute } from '../../core/expr.ts'
import type { NodeOf, Value } from '../../core/graph.ts'
import { elementCount, sameShape } from '../../core/shape.ts'
import { reader } from '../../core/tensor.ts'
import { combineLazy, pendingOf, type Lazy } from '../lazy.ts'
import { originOf, type Scheduler } from '../scheduler.ts'

/** More operands than this in one loop make too many pointers. */
const mostReads = 12

/** A constant of one element, as an expression without memory. */
function inlineConstant(value: Value): Lazy | undefined {
  if (value.node.op !== 'constant' || elementCount(value.type.shape) !== 1) return undefined
  const { dtype } = value.type
  if (isStorageOnly(dtype)) return undefined
  const expr = constantExpr(reader(value.node.attrs.value)(0), dtype)
  return { type: value.type, expr, args: [], nodes: [] }
}

/** Joins the operands' expressions. One operand may stay a pending kernel, which then takes the map as its epilogue. */
export function map(s: Scheduler, node: NodeOf<'map'>): void {
  const [result] = node.results
  const { shape } = result!.type
  const distinct = new Set(node.operands)
  const isCandidate = (v: Value): boolean => pendingOf(s.lazy(v)) !== undefined && sameShape(v.type.shape, shape)
  const kept = [...distinct].reverse().find(isCandidate)
  // A pending kernel's element can be named once in the arguments, so an operand used twice is renumbered to one.
  const unique = [...distinct]
  const lazies = unique.map((value) => {
    if (value === kept) return s.lazy(value)
    const inline = inlineConstant(value)
    if (inline) return inline
    return sameShape(value.type.shape, shape) ? s.readable(value) : s.rereadable(value)
  })
  const reads = lazies.reduce((sum, l) => sum + l.args.length, 0)
  const bounded =
    reads <= mostReads
      ? lazies
      : unique.map((value, i) => {
          if (value === kept || lazies[i]!.args.length < 2) return lazies[i]!
          s.force(value)
          return s.lazy(value)
        })
  const expr = substitute(node.attrs.expr, (i, dtype) => arg(unique.indexOf(node.operands[i]!), dtype))
  s.define(result!, combineLazy(result!.type, expr, bounded, originOf(node)[0]))
}
