import { arg } from '../../core/expr.ts'
import { derivatives } from '../derivative.ts'
import type { Vjp } from './rule.ts'
import { sumTo } from './sum-to.ts'

/** One map of operands, result and cotangent for each operand, summed where it was broadcast. */
export const map: Vjp<'map'> = ({ node, b, dy, varies, mayBeInfinite }) => {
  const [y] = node.results
  const count = node.operands.length
  const bodies = derivatives({
    expr: node.attrs.expr,
    result: arg(count, y!.type.dtype),
    cotangent: arg(count + 1, dy.type.dtype),
    wanted: varies,
    infinite: mayBeInfinite,
  })
  return node.operands.map((x, i) => {
    const body = bodies.get(i)
    return (
      body &&
      sumTo(
        b,
        b.map([...node.operands, y!, dy], () => body),
        x.type.shape,
      )
    )
  })
}
