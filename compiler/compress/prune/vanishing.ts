import { foldExpr, literal, type Expr } from '../../core/expr.ts'
import type { Node, Value } from '../../core/graph.ts'
import { indicesOf, isAt } from '../../core/relation.ts'
import { isProduct } from '../../passes/channels/product-weights.ts'

/**
 * Whether an expression of finite numbers is 0 where the operands are for which `isZero` holds, whatever the others are.
 * -0 counts as 0.
 */
export const vanishes = (expr: Expr, isZero: (operand: number) => boolean): boolean =>
  foldExpr<boolean>(expr, (part, of) => {
    switch (part.kind) {
      case 'arg':
        return isZero(part.index)
      case 'const':
        return literal(part) === 0
      case 'unary':
        return keepsZero.has(part.op) && of(part.x)
      case 'convert':
        return of(part.x)
      case 'bitcast':
        return false
      case 'select':
        return of(part.a) && of(part.b)
      case 'binary':
        if (part.op === 'mul' || part.op === 'and') return of(part.a) || of(part.b)
        if (part.op === 'div') return of(part.a)
        return ['add', 'sub', 'max', 'min', 'or', 'xor'].includes(part.op) && of(part.a) && of(part.b)
    }
  })

/** Functions that are 0 at 0. */
const keepsZero: ReadonlySet<string> = new Set([
  ...['neg', 'abs', 'ceil', 'floor', 'trunc', 'round', 'sqrt', 'sin', 'tan', 'asin', 'atan'],
  ...['round_straight_through', 'sinh', 'tanh', 'asinh', 'atanh', 'erf'],
])

/** Ops of which an element of the result is one of an operand, or a sum of them. */
const moves: ReadonlySet<string> = new Set([
  ...['reshape', 'transpose', 'broadcast_in_dim', 'slice', 'concatenate', 'gather'],
])
export const isMove = (node: Node): boolean =>
  moves.has(node.op) || ((node.op === 'reduce' || node.op === 'reduce_window') && node.attrs.kind === 'add')

/**
 * The axes along which a value is 0 where a group of channels is masked: at the positions that belong to a group, when all
 * slices of parameters of that group are zeros. So it is for the results of products, and behind a relu, not behind a sigmoid.
 */
export function vanishingAxes(nodes: readonly Node[], parameters: ReadonlySet<Value>): Map<Value, readonly boolean[]> {
  const found = new Map<Value, readonly boolean[]>()
  const alongOf = (value: Value, axis: number): boolean => found.get(value)?.[axis] ?? false
  const along = (node: Node, axis: number): boolean => {
    // Where an operand is broadcast, it has no place of its own.
    const indices = indicesOf(node).filter(({ places }) => places.some((p) => isAt(p, 'result', 0, axis)))
    const from = indices.flatMap(({ places }) => places.filter((p) => p.of === 'operand'))
    if (node.op === 'map') {
      const zero = (k: number): boolean => from.some((p) => p.at === k && alongOf(node.operands[k]!, p.axis))
      return vanishes(node.attrs.expr, zero)
    }
    if (isProduct(node)) return from.length > 0 && from.some((p) => alongOf(node.operands[p.at]!, p.axis))
    return isMove(node) && from.length > 0 && from.every((p) => alongOf(node.operands[p.at]!, p.axis))
  }
  for (const node of nodes) {
    for (const result of node.results) {
      const { shape } = result.type
      found.set(
        result,
        shape.map((_, axis) => (node.op === 'input' ? parameters.has(result) : along(node, axis))),
      )
    }
  }
  return found
}
