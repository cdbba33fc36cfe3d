import { isStorageOnly } from '../../core/scalar/dtype.ts'
import { arg, constant as constantExpr, mostParts, parts, substitute } from '../../core/scalar/expr.ts'
import type { NodeOf, Value } from '../../core/graph.ts'
import { elementCount, sameShape } from '../../core/shape.ts'
import { reader } from '../../core/tensor.ts'
import { combineLazy, pendingOf, type Lazy } from './lazy.ts'
import { originOf, type Scheduler } from './scheduler.ts'

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
  const expr = substitute(node.attrs.expr, (i, dtype) => arg(unique.indexOf(node.operands[i]!), dtype))
  const combined = (operands: readonly Lazy[]): Lazy => combineLazy(result!.type, expr, operands, originOf(node)[0])
  const whole = combined(lazies)
  const readsTooMany = whole.args.length > mostReads
  const isTooLarge = parts(whole.expr).length > mostParts
  const goesToMemory = (value: Value, { args, expr: { kind } }: Lazy): boolean =>
    (readsTooMany && value !== kept && args.length > 1) || (isTooLarge && kind !== 'arg' && kind !== 'const')
  const bounded = unique.map((value, i) => {
    if (!goesToMemory(value, lazies[i]!)) return lazies[i]!
    s.force(value)
    return s.lazy(value)
  })
  s.define(result!, readsTooMany || isTooLarge ? combined(bounded) : whole)
}
