import { foldExpr, literal, type Expr } from '../../core/scalar/expr.ts'
import { nodesOf, type Node, type NodeOf, type Value } from '../../core/graph.ts'
import { splitOperands, splitOutputs } from '../../core/ops/control-flow/while.ts'
import { indicesOf, isAt } from '../../core/analysis/relation.ts'
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
  for (const node of nodes) visit(node, parameters, found)
  return found
}

/** Tells of the node's results, and of those of nodes in its loop. */
function visit(node: Node, parameters: ReadonlySet<Value>, found: Map<Value, readonly boolean[]>): void {
  if (node.op === 'while') {
    loop(node, found)
    return
  }
  const alongOf = (value: Value, axis: number): boolean => found.get(value)?.[axis] ?? false
  const along = (axis: number): boolean => {
    // Where an operand is broadcast, it has no place of its own.
    const indices = indicesOf(node).filter(({ places }) => places.some((p) => isAt(p, 'result', 0, axis)))
    const from = indices.flatMap(({ places }) => places.filter((p) => p.of === 'operand'))
    if (node.op === 'map') {
      const zero = (k: number): boolean =>
        isZero(node.operands[k]!) || from.some((p) => p.at === k && alongOf(node.operands[k]!, p.axis))
      return vanishes(node.attrs.expr, zero)
    }
    if (isProduct(node)) return from.length > 0 && from.some((p) => alongOf(node.operands[p.at]!, p.axis))
    return isMove(node) && from.length > 0 && from.every((p) => alongOf(node.operands[p.at]!, p.axis))
  }
  for (const result of node.results) {
    const { shape } = result.type
    const zero = isZero(result)
    found.set(
      result,
      shape.map((_, axis) => zero || (node.op === 'input' ? parameters.has(result) : along(axis))),
    )
  }
}

/** Whether a value is zeros, as what a loop starts from often is. */
function isZero({ node }: Value): boolean {
  if (node.op === 'constant') return node.attrs.value.data.every((x) => Number(x) === 0)
  const [operand] = node.operands
  return ['broadcast_in_dim', 'reshape'].includes(node.op) && isZero(operand!)
}

/** A carried value is zero where it starts so and stays so, if all others do that are taken to: fewer are with each try. */
function loop({ attrs, operands, results }: NodeOf<'while'>, found: Map<Value, readonly boolean[]>): void {
  const { body, carried, conditional, scanInputs, scanOutputs } = attrs
  const flagsOf = (value: Value): readonly boolean[] => found.get(value) ?? value.type.shape.map(() => false)
  const given = splitOperands(operands, attrs)
  const inputs = splitOperands(body.inputs.slice(conditional ? 0 : 1), attrs)
  const outputs = splitOutputs(body.outputs, attrs)
  given.scanInputs.forEach((value, i) =>
    found.set(inputs.scanInputs[i]!.value, flagsOf(value).toSpliced(scanInputs[i]!.axis, 1)),
  )
  given.invariants.forEach((value, i) => found.set(inputs.invariants[i]!.value, flagsOf(value)))
  let flags = given.carried.map(flagsOf)
  const nodes = nodesOf(body).filter(({ op }) => op !== 'input')
  for (let isStable = false; !isStable;) {
    flags.forEach((own, i) => found.set(inputs.carried[i]!.value, own))
    for (const node of nodes) visit(node, new Set(), found)
    const before = flags
    flags = before.map((own, i) => own.map((flag, axis) => flag && flagsOf(outputs.carried[i]!.value)[axis]!))
    isStable = flags.every((own, i) => own.every((flag, axis) => flag === before[i]![axis]))
  }
  flags.forEach((own, i) => found.set(results[i]!, own))
  outputs.slices.forEach(({ value }, i) =>
    found.set(results[carried + i]!, flagsOf(value).toSpliced(scanOutputs[i]!.axis, 0, false)),
  )
}
