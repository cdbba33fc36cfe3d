import type { Expr } from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import type { Operator } from '../../context.ts'
import { keepsAligned } from '../../shared/elementwise.ts'
import * as f from '../../../core/scalar/formula.ts'

/** Bounds are attributes before opset 11, then optional scalar inputs. Where they cross, the upper one wins (Clip-13). */
export const clip: Operator = {
  keeps: keepsAligned,
  lower: (c) => {
    const x = c.input(0)
    if (c.opset < 11) {
      const bounded = (e: Expr): Expr => {
        const above = c.has('min') ? f.max(e, c.float('min')) : e
        return c.has('max') ? f.min(above, c.float('max')) : above
      }
      return [c.b.map([x], bounded)]
    }
    const scalar = (v: Value): Value => c.b.reshape(v, [])
    const low = c.inputs[1] && scalar(c.inputs[1])
    const high = c.inputs[2] && scalar(c.inputs[2])
    if (low && high) return [c.b.map([x, low, high], f.clamp)]
    if (low) return [c.b.map([x, low], f.max)]
    return [high ? c.b.map([x, high], f.min) : x]
  },
}
