import { isStorageOnly } from '../../core/dtype.ts'
import { arg, constant, substitute, type Expr } from '../../core/expr.ts'
import type { NodeOf } from '../../core/graph.ts'
import { elementCount } from '../../core/shape.ts'
import { reader } from '../../core/tensor.ts'
import { derivatives } from '../derivative.ts'
import type { Vjp } from './rule.ts'
import { sumTo } from './sum-to.ts'

/** The body with the operands that are one number each as numbers: of those more is known. */
function withNumbers({ operands, attrs }: NodeOf<'map'>): Expr {
  return substitute(attrs.expr, (index, dtype) => {
    const { node, type } = operands[index]!
    const isNumber = node.op === 'constant' && elementCount(type.shape) === 1 && !isStorageOnly(dtype)
    return isNumber ? constant(reader(node.attrs.value)(0), dtype) : arg(index, dtype)
  })
}

/** One map of operands, result and cotangent for each operand, summed where it was broadcast. */
export const map: Vjp<'map'> = ({ node, b, dy, varies, mayBeInfinite }) => {
  const [y] = node.results
  const count = node.operands.length
  const bodies = derivatives({
    expr: withNumbers(node),
    result: arg(count, y!.type.dtype),
    cotangent: arg(count + 1, dy.type.dtype),
    wanted: varies,
    infinite: mayBeInfinite,
  })
  return node.operands.map((x, i) => {
    const body = bodies.get(i)
    return body && sumTo(b, b.map([...node.operands, y!, dy], () => body), x.type.shape)
  })
}
