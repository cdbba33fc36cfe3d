import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'

export interface Rotation {
  /** Cosines and sines by position, or [batch, sequence, half] where no positions are given. */
  readonly cosines: Value
  readonly sines: Value
  /** [batch, sequence]. */
  readonly positions: Value | undefined
  /** Features of a head that turn, the first ones. */
  readonly rotated: number
  /** Whether neighbours are a pair, and not features of the two halves. */
  readonly interleaved: boolean
}

/** `x` of four axes, the last with the features of a head and `headAxis` with the heads, turned by angles that depend on the position. */
export function turned(c: OpContext, x: Value, headAxis: 1 | 2, r: Rotation): Value {
  const { b } = c
  const { rotated, interleaved } = r
  const size = x.type.shape[3]!
  c.check(rotated >= 0 && rotated <= size && rotated % 2 === 0, `rotary_embedding_dim is ${rotated}`)
  const half = rotated / 2
  const features = (first: number, step: number): Value => b.sliceAxis(x, 3, first, half, step)
  const real = interleaved ? features(0, 2) : features(0, 1)
  const imaginary = interleaved ? features(1, 2) : features(half, 1)
  const angles = (cache: Value): Value => {
    const own = r.positions ? b.take(cache, r.positions, 0) : cache
    return b.reshape(own, own.type.shape.toSpliced(headAxis, 0, 1))
  }
  const operands = [real, imaginary, angles(r.cosines), angles(r.sines)]
  const pair = [
    b.map(operands, (re, im, cos, sin) => f.sub(f.mul(cos, re), f.mul(sin, im))),
    b.map(operands, (re, im, cos, sin) => f.add(f.mul(sin, re), f.mul(cos, im))),
  ]
  const outer = x.type.shape.slice(0, 3)
  const neighbours = (): Value => {
    const columns = pair.map((v) => b.reshape(v, [...outer, half, 1]))
    return b.reshape(b.concatenate(columns, 4), [...outer, rotated])
  }
  const joined = interleaved ? neighbours() : b.concatenate(pair, 3)
  return rotated === size ? joined : b.concatenate([joined, b.sliceAxis(x, 3, rotated, size - rotated)], 3)
}

/**
 * Rotates pairs of features by angles that depend on the position: halves of the first rotary_embedding_dim features, or
 * neighbours if interleaved. X is [batch, heads, sequence, size] or [batch, sequence, heads · size]; caches hold cosines
 * and sines by position (input 3), or for each place of the batch's sequences.
 */
export const rotaryEmbedding: Operator = {
  since: 23,
  lower: (c: OpContext) => {
    const { b } = c
    const { shape } = c.input(0).type
    c.check(shape.length === 3 || shape.length === 4, `X has ${shape.length} axes`)
    const flat = shape.length === 3
    const heads = flat ? c.int('num_heads') : shape[1]!
    c.check(heads >= 1 && (!flat || shape[2]! % heads === 0), `${heads} heads`)
    const x = flat ? b.reshape(c.input(0), [shape[0]!, shape[1]!, heads, shape[2]! / heads]) : c.input(0)
    const rotation = {
      cosines: c.input(1),
      sines: c.input(2),
      positions: c.inputs[3],
      rotated: c.int('rotary_embedding_dim', 0) || x.type.shape[3]!,
      interleaved: c.int('interleaved', 0) !== 0,
    }
    return [b.reshape(turned(c, x, flat ? 2 : 1, rotation), shape)]
  },
}
