import { Builder } from '../core/builder.ts'
import { CompileError, fail, type Diagnostic } from '../core/diagnostics/diagnostic.ts'
import { isFloat } from '../core/scalar/dtype.ts'
import { topological, type NodeOf, type Value } from '../core/graph.ts'
import type { OpName } from '../core/ops/index.ts'
import { formatType, sameType } from '../core/tensor.ts'
import { infiniteValues } from './infinite.ts'
import { shiftsWithin } from './shifts.ts'
import { rules } from './vjp/index.ts'
import { cotangentType, type PullBack } from './vjp/rule.ts'
import { varyingWith } from './varying.ts'

const place = ({ node: { origin } }: Value) => origin && { origin }

/**
 * The derivatives of `loss`, a scalar of floats, by each of `wrt`, in order and of its type; zeros where it does not depend on
 * it. Integers and booleans have no derivative: what depends on `wrt` only through them counts as constant. A801, A802 with
 * the node where there is no way back.
 */
export function gradients(loss: Value, wrt: readonly Value[]): Value[] {
  const { dtype, shape } = loss.type
  if (!isFloat(dtype) || shape.length > 0)
    fail('A801', `a loss is a scalar of floats, not ${formatType(loss.type)}`, place(loss))
  const b = new Builder(loss.node.origin)
  return vjp([loss], [b.scalar(1, dtype)], wrt)
}

/**
 * The vector–Jacobian product: cotangents of `wrt` from those of `outputs`, each of its value's type, all floats. Each node on a
 * path from one to the other is asked once, with the sum of what its users gave (reverse mode).
 */
export function vjp(outputs: readonly Value[], cotangents: readonly Value[], wrt: readonly Value[]): Value[] {
  check(outputs, cotangents, wrt)
  const given = outputs.map(({ type, node }, i) =>
    new Builder(node.origin).convert(cotangents[i]!, cotangentType(type.dtype)),
  )
  return pullBack(outputs, given, wrt).map((cotangent, i) => {
    const { type, node } = wrt[i]!
    const b = new Builder(node.origin)
    return b.convert(cotangent ?? b.full(0, cotangentType(type.dtype), type.shape), type.dtype)
  })
}

const pullBack: PullBack = (outputs, cotangents, wrt) => {
  const order = topological(outputs)
  const shifts = shiftsWithin(order, outputs)
  const varying = varyingWith(order, wrt, shifts)
  const infinite = infiniteValues(order)
  const given = new Map<Value, Value>()
  const give = (to: Value, cotangent: Value | undefined): void => {
    if (!cotangent || !varying.has(to)) return
    const before = given.get(to)
    given.set(to, before ? new Builder(to.node.origin).binary('add', before, cotangent) : cotangent)
  }
  outputs.forEach((output, i) => give(output, cotangents[i]))
  const found: Diagnostic[] = []
  for (let i = order.length - 1; i >= 0; i--) {
    const node = order[i]!
    const own = node.results.map((result) => given.get(result))
    if (own.every((c) => c === undefined) || !node.operands.some((o) => varying.has(o))) continue
    try {
      backward(node, own, varying, infinite).forEach((c, k) => give(node.operands[k]!, c))
    } catch (error) {
      if (!(error instanceof CompileError)) throw error
      found.push(...error.diagnostics.map((d) => (d.origin || !node.origin ? d : { ...d, origin: node.origin })))
    }
  }
  if (found.length > 0) throw new CompileError(found)
  return wrt.map((value) => given.get(value))
}

function check(outputs: readonly Value[], cotangents: readonly Value[], wrt: readonly Value[]): void {
  for (const value of [...outputs, ...wrt]) {
    if (!isFloat(value.type.dtype))
      fail('A801', `${formatType(value.type)} has no derivative: its elements are no floats`, place(value))
  }
  const fits = outputs.every(({ type }, i) => cotangents[i] !== undefined && sameType(type, cotangents[i].type))
  if (!fits || outputs.length !== cotangents.length) fail('A601', 'cotangents of other types than the outputs')
}

function backward<O extends OpName>(
  node: NodeOf<O>,
  cotangents: readonly (Value | undefined)[],
  varying: ReadonlySet<Value>,
  infinite: ReadonlySet<Value>,
): readonly (Value | undefined)[] {
  return rules[node.op]({
    node,
    b: new Builder(node.origin),
    cotangents,
    dy: cotangents[0]!,
    pullBack,
    varies: (operand) => varying.has(node.operands[operand]!),
    mayBeInfinite: (operand) => infinite.has(node.operands[operand]!),
  })
}
