import { OperandError } from '../../../core/diagnostics/diagnostic.ts'
import type { OpContext, Operator } from '../../context.ts'
import { numberOf, sameDim } from '../../dims.ts'
import { broadcastDims } from '../../shared/dims.ts'
import { masked } from '../../shared/mask.ts'
import { matmul } from '../../shared/matmul.ts'

/** Padding along the axis that is summed over counts as 0. */
export const matMul: Operator = {
  sized: true,
  lower: (c: OpContext) => {
    const [left, right] = [c.dims(0), c.dims(1)]
    if ([...left, ...right].every((dim) => numberOf(dim) !== undefined)) return [matmul(c.b, c.input(0), c.input(1))]
    const [inLeft, inRight] = [left.length - 1, Math.max(0, right.length - 2)]
    const batch = broadcastDims([left.slice(0, -2), right.slice(0, -2)])
    if (!batch || left.length === 0 || right.length === 0 || !sameDim(left[inLeft]!, right[inRight]!))
      throw new OperandError('the sizes that depend on data do not go together')
    const [x, y] = [masked(c, c.input(0), left, [inLeft], 0), masked(c, c.input(1), right, [inRight], 0)]
    const dims = [...batch, ...left.slice(-2, -1), ...(right.length > 1 ? right.slice(-1) : [])]
    return [c.sizedTo(matmul(c.b, x, y), dims)]
  },
}
