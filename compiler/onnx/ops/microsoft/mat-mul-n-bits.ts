import { convert } from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import { elementCount } from '../../../core/shape.ts'
import type { OpContext, Operator } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'
import { range } from '../../shared/axes.ts'
import { matmul } from '../../shared/matmul.ts'

/** f32 of the unsigned integers of `bits` that stand in bytes along the last axis, the first in the lowest bits. */
export function unpacked(c: OpContext, bytes: Value, bits: number): Value {
  const { b } = c
  const { shape } = bytes.type
  const count = 8 / bits
  // Multiplication in 8 bits moves an integer to the top, from where a product in f32 brings it down.
  const places = b.vector(
    range(0, count).map((i) => 2 ** (8 - bits * (i + 1))),
    'u8',
  )
  const top = 256 - 2 ** (8 - bits)
  const each = b.map([b.reshape(bytes, [...shape, 1]), places], (byte, place) =>
    f.mul(convert(f.and(f.mul(byte, place), top), 'f32'), 2 ** (bits - 8)),
  )
  return b.reshape(each, [...shape.slice(0, -1), (shape.at(-1) ?? 1) * count])
}

/**
 * A product with a matrix of N rows of K quantized columns. Every `block_size` columns share a scale and a zero point; the
 * last block of a row may be incomplete. Inputs: A, packed matrix, scales, zero points (packed, or of A's type), an order of
 * groups that nobody writes any more, and a bias.
 */
export const matMulNBits: Operator = {
  limits: 'integers of 2, 4 or 8 bits, without g_idx',
  lower: (c: OpContext) => {
    const { b } = c
    const [columns, rows, block, bits] = [c.int('K'), c.int('N'), c.int('block_size'), c.int('bits', 4)]
    c.check(columns >= 1 && rows >= 1 && block >= 1, `a matrix of ${rows} x ${columns} in blocks of ${block}`)
    if (![2, 4, 8].includes(bits)) c.unsupported(`integers of ${bits} bits`)
    if (c.inputs[4]) c.unsupported('g_idx')
    const blocks = Math.ceil(columns / block)
    const size = (block * bits) / 8
    const shaped = (v: Value, shape: readonly number[], what: string): Value => {
      c.check(elementCount(v.type.shape) === elementCount(shape), `${what} are [${v.type.shape.join(',')}]`)
      return b.reshape(v, shape)
    }

    const quantized = unpacked(c, shaped(c.input(1), [rows, blocks, size], 'the bytes of the matrix'), bits)
    const scales = shaped(c.input(2), [rows, blocks, 1], 'scales')
    const given = c.inputs[3]
    const row = Math.ceil((blocks * bits) / 8)
    const zero = !given
      ? b.scalar(2 ** (bits - 1), 'f32')
      : given.type.dtype !== 'u8'
        ? shaped(given, [rows, blocks, 1], 'zero points')
        : b.reshape(b.sliceAxis(unpacked(c, shaped(given, [rows, row], 'zero points'), bits), 1, 0, blocks), [
            rows,
            blocks,
            1,
          ])
    const real = b.map([quantized, zero, scales], (q, z, s) => f.mul(f.sub(q, z), s))
    const matrix = b.sliceAxis(b.reshape(real, [rows, blocks * block]), 1, 0, columns)
    const product = matmul(b, c.input(0), b.transpose(matrix, [1, 0]))
    return [c.inputs[5] ? b.binary('add', product, c.inputs[5]) : product]
  },
}
