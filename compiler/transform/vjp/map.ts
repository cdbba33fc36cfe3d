import type { Builder } from '../../core/builder.ts'
import { isStorageOnly } from '../../core/scalar/dtype.ts'
import { arg, constant, substitute, type Expr } from '../../core/scalar/expr.ts'
import type { Value } from '../../core/graph.ts'
import { elementCount } from '../../core/shape.ts'
import { reader } from '../../core/tensor.ts'
import { derivatives } from '../derivative.ts'
import type { Vjp } from './rule.ts'
import { sumTo } from './sum-to.ts'

/** A constant of one element, as an expression. */
function numberOf({ node, type: { dtype, shape } }: Value): Expr | undefined {
  if (node.op !== 'constant' || elementCount(shape) !== 1 || isStorageOnly(dtype)) return undefined
  return constant(reader(node.attrs.value)(0), dtype)
}

/** What a broadcast repeats, as maps broadcast it: so it is not made as large as what it meets. */
function unrepeated(b: Builder, x: Value): Value {
  if (x.node.op !== 'broadcast_in_dim') return x
  const { dims } = x.node.attrs
  const [source] = x.node.operands
  if (source!.type.shape.length === 0) return source!
  return b.reshape(
    source!,
    x.type.shape.map((_, axis) => (dims.includes(axis) ? source!.type.shape[dims.indexOf(axis)]! : 1)),
  )
}

/** One map of operands, result and cotangent for each operand, summed where it was broadcast. */
export const map: Vjp<'map'> = ({ node, b, dy, varies, mayBeInfinite }) => {
  const [y] = node.results
  const { operands, attrs } = node
  const given = unrepeated(b, dy)
  const bodies = derivatives({
    // Of operands that are numbers more is known.
    expr: substitute(attrs.expr, (i, dtype) => (varies(i) ? undefined : numberOf(operands[i]!)) ?? arg(i, dtype)),
    result: arg(operands.length, y!.type.dtype),
    cotangent: numberOf(given) ?? arg(operands.length + 1, dy.type.dtype),
    wanted: varies,
    infinite: mayBeInfinite,
  })
  return operands.map((x, i) => {
    const body = bodies.get(i)
    if (!body) return undefined
    const whole =
      body.kind === 'const'
        ? b.full(body.value, body.dtype, y!.type.shape)
        : b.map([...operands, y!, given], () => body)
    return sumTo(b, whole, x.type.shape)
  })
}
