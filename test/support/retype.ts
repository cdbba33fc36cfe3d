import type { DType } from '../../compiler/core/scalar/dtype.ts'
import {
  arg,
  binary,
  bitcast,
  constant,
  convert,
  foldExpr,
  select,
  unary,
  type Expr,
} from '../../compiler/core/scalar/expr.ts'
import { createNode, nodesOf, type Graph, type Node, type Value } from '../../compiler/core/graph.ts'
import type { AttrsOf, OpName } from '../../compiler/core/ops/index.ts'
import { tensorOf, toNumbers, type TensorType } from '../../compiler/core/tensor.ts'

const wide = (dtype: DType): DType => (dtype === 'f32' ? 'f64' : dtype)
const wideType = ({ dtype, shape }: TensorType): TensorType => ({ dtype: wide(dtype), shape })

const wideExpr = (e: Expr): Expr =>
  foldExpr<Expr>(e, (part, of) => {
    switch (part.kind) {
      case 'arg':
        return arg(part.index, wide(part.dtype))
      case 'const':
        return constant(part.value, wide(part.dtype))
      case 'unary':
        return unary(part.op, of(part.x))
      case 'binary':
        return binary(part.op, of(part.a), of(part.b))
      case 'select':
        return select(of(part.cond), of(part.a), of(part.b))
      case 'convert':
        return convert(of(part.x), wide(part.dtype))
      case 'bitcast':
        return bitcast(of(part.x), part.dtype)
    }
  })

function wideAttrs({ op, attrs }: Node): unknown {
  switch (op) {
    case 'input':
      return { ...attrs, type: wideType(attrs.type) }
    case 'iota':
      return { ...attrs, type: wideType(attrs.type) }
    case 'constant': {
      const { value } = attrs
      return value.dtype === 'f32' ? { value: tensorOf('f64', value.shape, toNumbers(value)) } : attrs
    }
    case 'map':
      return { expr: wideExpr(attrs.expr) }
    case 'while':
      return { ...attrs, body: inDoubles(attrs.body) }
    case 'if':
      return { then: inDoubles(attrs.then), otherwise: inDoubles(attrs.otherwise) }
    default:
      return attrs
  }
}

/** The graph with f64 in the place of f32 everywhere. */
export function inDoubles(graph: Graph): Graph {
  const made = new Map<Value, Value>()
  for (const node of nodesOf(graph)) {
    const operands = node.operands.map((o) => made.get(o)!)
    const copy = createNode<OpName>(node.op, operands, wideAttrs(node) as AttrsOf<OpName>, node.origin)
    node.results.forEach((result, i) => made.set(result, copy.results[i]!))
  }
  const port = <P extends { readonly value: Value }>(p: P): P => ({ ...p, value: made.get(p.value)! })
  return { inputs: graph.inputs.map(port), outputs: graph.outputs.map(port) }
}
