import { check } from '../diagnostics/check.ts'
import { parts, type Expr } from '../scalar/expr.ts'
import { compileExpr } from '../scalar/scalar.ts'
import { broadcastShapes, broadcastStrides, walk } from '../shape.ts'
import { scalarReader, scalarWriter, zeros, type TensorType } from '../tensor.ts'
import { inOperand, inResult, sameAttributes, type Facets, type Index } from './facets.ts'

export interface MapAttrs {
  /** `arg(i)` stands for the element of operand i. */
  readonly expr: Expr
}

/** What the operands broadcast to. */
export function mapShape(operands: readonly TensorType[]): readonly number[] {
  const shape = broadcastShapes(operands.map((o) => o.shape))
  check(shape !== undefined, `shapes ${operands.map((o) => `[${o.shape.join(',')}]`).join(' and ')} do not broadcast`)
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
      check(operand !== undefined, `the expression names operand ${part.index} of ${operands.length}`)
      check(
        operand.dtype === part.dtype,
        `operand ${part.index} is ${operand.dtype}, the expression wants ${part.dtype}`,
      )
    }
    // Rewrites of expressions drop what they do not name, and with it a shape that only it had.
    check(used.size === operands.length, `the expression names ${used.size} of ${operands.length} operands`)
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
  indices: (operands) => {
    const shape = mapShape(operands)
    return shape.map((extent, axis): Index => {
      const own = operands.flatMap((o, k) => {
        const i = axis - (shape.length - o.shape.length)
        return i >= 0 && o.shape[i] === extent ? [inOperand(k, i, extent)] : []
      })
      return { extent, places: [...own, inResult(0, axis, extent)] }
    })
  },
  // Where all that is left has one element, operands that are broadcast would no longer be told from others: they still fit.
  keep: sameAttributes,
}
