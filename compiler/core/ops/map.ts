import { parts, type Expr } from '../expr.ts'
import { compileExpr } from '../scalar.ts'
import { broadcastShapes, broadcastStrides, walk } from '../shape.ts'
import { scalarReader, scalarWriter, zeros, type TensorType } from '../tensor.ts'
import { mixed, require, toResult, type Facets } from './facets.ts'

export interface MapAttrs {
  /** `arg(i)` stands for the element of operand i. */
  readonly expr: Expr
}

/** What the operands broadcast to. */
export function mapShape(operands: readonly TensorType[]): readonly number[] {
  const shape = broadcastShapes(operands.map((o) => o.shape))
  require(shape !== undefined, `shapes ${operands.map((o) => `[${o.shape.join(',')}]`).join(' and ')} do not broadcast`)
  return shape
}

/** A scalar expression over every element of the operands, which broadcast by NumPy's rule. It uses each of them. */
export const map: Facets<MapAttrs> = {
  type: (operands, { expr }) => {
    const used = new Set<number>()
    for (const part of parts(expr)) {
      if (part.kind !== 'arg') continue
      used.add(part.index)
      const operand = operands[part.index]
      require(operand !== undefined, `the expression names operand ${part.index} of ${operands.length}`)
      require(operand.dtype ===
        part.dtype, `operand ${part.index} is ${operand.dtype}, the expression wants ${part.dtype}`)
    }
    // Rewrites of expressions drop what they do not name, and with it a shape that only it had.
    require(used.size === operands.length, `the expression names ${used.size} of ${operands.length} operands`)
    return [{ dtype: expr.dtype, shape: mapShape(operands) }]
  },
  evaluate: (operands, attrs) => {
    const [type] = map.type(operands, attrs) as [TensorType]
    const result = zeros(type.dtype, type.shape)
    const write = scalarWriter(result)
    const reads = operands.map(scalarReader)
    const f = compileExpr(attrs.expr)
    const args = reads.map(() => 0 as number | bigint)
    let at = 0
    walk(
      type.shape,
      operands.map((o) => broadcastStrides(o.shape, type.shape)),
      (offsets) => {
        for (let i = 0; i < reads.length; i++) args[i] = reads[i]!(offsets[i]!)
        write(at++, f(args))
      },
    )
    return [result]
  },
  axes: (operands) => {
    const shape = mapShape(operands)
    return operands.map((o) => {
      const lead = shape.length - o.shape.length
      return o.shape.map((d, i) => (d === shape[i + lead] ? toResult(i + lead) : mixed))
    })
  },
}
