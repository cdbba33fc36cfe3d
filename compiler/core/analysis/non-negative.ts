import { isFloat, isSigned } from '../scalar/dtype.ts'
import { foldExpr, type Expr } from '../scalar/expr.ts'
import type { Value } from '../graph.ts'
import { windowsMeet } from '../ops/window.ts'

/** Values that are looked at before the answer is no. */
const mostLooks = 32

const kept: ReadonlySet<string> = new Set(['ceil', 'floor', 'trunc', 'round', 'round_straight_through', 'sqrt'])
const both: ReadonlySet<string> = new Set(['add', 'mul', 'div', 'min'])

/** Whether the sign bit of the formula is clear or it is NaN, as far as its form tells; `argument` says it of arguments. */
const holds = (e: Expr, argument: (index: number) => boolean): boolean =>
  foldExpr<boolean>(e, (part, of) => {
    if (!isFloat(part.dtype)) return !isSigned(part.dtype)
    switch (part.kind) {
      case 'arg':
        return argument(part.index)
      case 'const':
        return Number(part.value) > 0 || Object.is(Number(part.value), 0)
      case 'convert':
        return of(part.x)
      case 'bitcast':
        return false
      case 'select':
        return of(part.a) && of(part.b)
      case 'unary':
        return part.op === 'abs' || part.op === 'exp' || (kept.has(part.op) && of(part.x))
      case 'binary':
        if (part.op === 'max') return of(part.a) || of(part.b)
        return (part.op === 'mul' && part.a === part.b) || (both.has(part.op) && of(part.a) && of(part.b))
    }
  })

/**
 * Whether no element of the float tensor has its sign bit set, but NaN: of such floats the bits have the order of the values, and NaN's
 * are the largest as unsigned integers. false where it is not seen in a few steps.
 */
export function isNonNegative(value: Value): boolean {
  let looks = 0
  const look = (v: Value): boolean => {
    if (++looks > mostLooks) return false
    const { node } = v
    const { operands } = node
    switch (node.op) {
      case 'map':
        return holds(node.attrs.expr, (i) => look(operands[i]!))
      case 'reduce_window':
        return (
          node.attrs.kind === 'max' && windowsMeet(operands[0]!.type.shape, node.attrs.window) && look(operands[0]!)
        )
      case 'concatenate':
      case 'pad':
        return operands.every(look)
      case 'transpose':
      case 'reshape':
      case 'slice':
      case 'broadcast_in_dim':
        return look(operands[0]!)
      default:
        return false
    }
  }
  return look(value)
}
