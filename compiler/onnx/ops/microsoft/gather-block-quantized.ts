import { convert } from '../../../core/scalar/expr.ts'
import * as expr from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'
import { normalizeAxis } from '../../shared/axes.ts'
import { wrapIndices } from '../../shared/indices.ts'
import { unpacked } from './mat-mul-n-bits.ts'

/**
 * Looks slices up in integers of which every `block_size` along `quantize_axis` share a scale and a zero point, and makes floats of
 * what it found; zeros where the index is outside. Inputs: integers (those of fewer than 8 bits in bytes of u8, the first in the
 * lowest bits), indices, scales, zero points (ContribOperators.md).
 */
export const gatherBlockQuantized: Operator = {
  floats: 'storage',
  limits: 'integers of 2, 4 or 8 bits',
  lower: (c: OpContext) => {
    const { b } = c
    const [data, scales] = [c.input(0), c.input(2)]
    const { dtype } = data.type
    if (!['u8', 'i4', 'u4'].includes(dtype)) c.unsupported(`data of ${dtype}`)
    const rank = data.type.shape.length
    const bits = dtype === 'u8' ? c.int('bits', 4) : 8
    if (![2, 4, 8].includes(bits)) c.unsupported(`integers of ${bits} bits`)
    const axis = normalizeAxis(c, c.int('gather_axis', 0), rank)
    const along = normalizeAxis(c, c.int('quantize_axis', 1), rank)
    const block = c.int('block_size', 128)
    c.check(block >= 16 && (block & (block - 1)) === 0, `block_size is ${block}`)
    const packs = bits < 8
    c.check(!packs || (axis === 0 && rank >= 2), 'bytes of several integers are looked up along axis 0')
    const perByte = 8 / bits
    const sizes = data.type.shape.map((d, i) => (packs && i === rank - 1 ? d * perByte : d))
    const blocks = sizes.map((d, i) => (i === along ? Math.ceil(d / block) : d))
    c.check(
      scales.type.shape.join() === blocks.join(),
      `scales are [${scales.type.shape.join()}], not [${blocks.join()}]`,
    )

    const indices = c.input(1)
    const places = wrapIndices(c, indices, sizes[axis]!)
    const ofBlocks = along === axis ? b.map([places], (i) => f.div(i, block)) : places
    const count = indices.type.shape.length
    /** What is taken, as f32, with the axes of the indices in place of `axis`. */
    const taken = (v: Value, at: Value): Value => b.take(v, at, axis)
    const real = (v: Value): Value => (packs ? unpacked(c, v, bits) : b.convert(v, 'f32'))
    const values = real(taken(data, places))
    const zeros = (v: Value): Value => {
      const all = real(taken(v, ofBlocks))
      const last = all.type.shape.length - 1
      return packs ? b.sliceAxis(all, last, 0, blocks[rank - 1]!) : all
    }
    const scale = b.convert(taken(scales, ofBlocks), 'f32')
    const zero = c.inputs[3] ? zeros(c.inputs[3]) : b.scalar(dtype === 'u8' ? 2 ** (bits - 1) : 0, 'f32')
    const moved = along < axis ? along : along - 1 + count
    const dequantized = blockwise(c, values, [zero, scale], along === axis ? undefined : { axis: moved, block })
    const valid = b.reshape(
      b.map([indices], (i) => f.and(f.ge(i, -sizes[axis]!), f.lt(i, sizes[axis]!))),
      [...indices.type.shape, ...sizes.slice(axis + 1).map(() => 1)],
    )
    const result = b.map([valid, dequantized], (ok, e) => f.select(ok, e, expr.constant(0, 'f32')))
    return [b.map([result], (e) => convert(e, scales.type.dtype))]
  },
}

/** (values - zero) · scale, where `zero` and `scale` are one for each `block` elements along `axis`, or for each element. */
function blockwise(
  c: OpContext,
  values: Value,
  parameters: readonly [Value, Value],
  blocks: { readonly axis: number; readonly block: number } | undefined,
): Value {
  const { b } = c
  const real = (q: expr.Expr, z: expr.Expr, s: expr.Expr): expr.Expr => f.mul(f.sub(q, z), s)
  if (!blocks) return b.map([values, ...parameters], real)
  const { axis, block } = blocks
  const { shape } = values.type
  const count = Math.ceil(shape[axis]! / block)
  const split = (v: Value, size: number): Value => {
    const own = v.type.shape
    return own.length === 0 ? v : b.reshape(v, [...own.slice(0, axis), count, size, ...own.slice(axis + 1)])
  }
  const at = (value: number): number[] => shape.map((_, i) => (i === axis ? value : 0))
  const padded = b.pad(values, b.scalar(0, 'f32'), at(0), at(count * block - shape[axis]!))
  const result = b.map([split(padded, block), ...parameters.map((v) => split(v, 1))], real)
  return b.slice(b.reshape(result, padded.type.shape), at(0), shape)
}
