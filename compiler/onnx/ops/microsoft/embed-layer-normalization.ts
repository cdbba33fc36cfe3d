import { convert } from '../../../core/scalar/expr.ts'
import { dequantized } from '../../../core/scalar/quantization.ts'
import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'
import { nonzero } from '../../shared/quantization/quantization.ts'
import { wrapIndices } from '../../shared/indices.ts'
import { layerNormalized } from '../normalization/layer-normalization.ts'

/** Where the inputs stand, and how they become floats once they are looked up. */
interface Form {
  readonly mask: number
  readonly positions?: number
  readonly real: (x: Value, i: number) => Value
}

/**
 * The sum of embeddings of words (input 0 in table 2), positions (0, 1, … in table 3, unless given) and segments (input 1 in
 * table 4, where there are any), layer-normalized with gamma and beta (5 and 6). Outputs: that, how many flags of the mask are 1
 * in each row, and the sum.
 */
function embedded(c: OpContext, { mask, positions, real }: Form): Value[] {
  const { b } = c
  const ids = c.input(0)
  c.check(ids.type.shape.length === 2, `ids have ${ids.type.shape.length} axes`)
  const [batch = 0, length = 0] = ids.type.shape
  const lookup = (table: number, indices: Value): Value => {
    const rows = c.input(table)
    c.check(rows.type.shape.length === 2, `table ${table} has ${rows.type.shape.length} axes`)
    return real(b.take(rows, wrapIndices(c, indices, rows.type.shape[0]!), 0), table)
  }
  const given = positions === undefined ? undefined : c.inputs[positions]
  const atPositions = (): Value => {
    if (given) return lookup(3, given)
    const [rows = 0] = c.input(3).type.shape
    c.check(rows >= length, `${rows} positions for sequences of ${length}`)
    return real(b.sliceAxis(c.input(3), 0, 0, length), 3)
  }
  const segments = c.inputs[1] && c.inputs[4] ? [lookup(4, c.inputs[1])] : []
  const sum = b.map([lookup(2, ids), atPositions(), ...segments], (...parts) => parts.reduce((x, y) => f.add(x, y)))
  const [scale, bias] = [5, 6].map((i) => real(c.input(i), i))
  const [result] = layerNormalized(b, sum, { scale, bias, axes: [2], epsilon: c.float('epsilon', 1e-12) })
  const flags = c.inputs[mask]
  const lengths = flags
    ? b.reduce(
        'add',
        b.map([flags], (e) => convert(f.eq(e, 1), 'i32')),
        [1],
      )
    : b.full(0, 'i32', [batch])
  return [result!, lengths, sum]
}

/** Inputs: ids, segments, tables of words, positions and segments, gamma, beta, mask, positions (ContribOperators.md). */
export const embedLayerNormalization: Operator = {
  lower: (c) => embedded(c, { mask: 7, positions: 8, real: (x) => x }),
}

/** The same with inputs 2 to 6 in 8 bits: their scales are inputs 8 to 12, their zero points 13 to 17. */
export const qEmbedLayerNormalization: Operator = {
  lower: (c: OpContext) => {
    const scalar = (v: Value): Value => c.b.reshape(v, [])
    const real = (x: Value, i: number): Value => {
      const zero = nonzero(c.inputs[i + 11])
      return c.b.map([x, scalar(c.input(i + 6)), ...(zero ? [scalar(zero)] : [])], dequantized)
    }
    return embedded(c, { mask: 7, real }).slice(0, 2)
  },
}
