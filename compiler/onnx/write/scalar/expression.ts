import { foldExpr, type Expr } from '../../../core/scalar/expr.ts'
import type { Emitter } from '../emitter.ts'
import type { Edge } from '../graph.ts'
import { emitBinary } from './binary.ts'
import { emitBitcast, emitConvert } from './convert.ts'
import { emitUnary } from './unary.ts'

/** A scalar expression over every element of `operands`, which broadcast: a node or a few for each of its parts. */
export const emitExpression = (e: Emitter, expr: Expr, operands: readonly Edge[]): Edge =>
  foldExpr<Edge>(expr, (part, of) => {
    switch (part.kind) {
      case 'arg':
        return operands[part.index]!
      case 'const':
        return e.scalar(part.value, part.dtype)
      case 'unary':
        return emitUnary(e, part.op, of(part.x))
      case 'binary':
        return emitBinary(e, part.op, of(part.a), of(part.b))
      case 'select':
        return e.where(of(part.cond), of(part.a), of(part.b))
      case 'convert':
        return emitConvert(e, of(part.x), part.x, part.dtype)
      case 'bitcast':
        return emitBitcast(e, of(part.x), part.dtype)
    }
  })
