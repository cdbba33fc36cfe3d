import type { Value } from '../../core/graph.ts'
import type { OpContext, Operator } from '../context.ts'
import * as f from '../../core/formula.ts'

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
    const size = x.type.shape[3]!
    const rotated = c.int('rotary_embedding_dim', 0) || size
    c.check(rotated >= 0 && rotated <= size && rotated % 2 === 0, `rotary_embedding_dim is ${rotated}`)
    const half = rotated / 2
    const interleaved = c.int('interleaved', 0) !== 0
    const features = (first: number, step: number): Value => b.sliceAxis(x, 3, first, half, step)
    const real = interleaved ? features(0, 2) : features(0, 1)
    const imaginary = interleaved ? features(1, 2) : features(half, 1)
    const headAxis = flat ? 2 : 1
    const angles = (i: number): Value => {
      const cache = c.inputs[3] ? b.take(c.input(i), c.inputs[3], 0) : c.input(i)
      return b.reshape(cache, cache.type.shape.toSpliced(headAxis, 0, 1))
    }
    const operands = [real, imaginary, angles(1), angles(2)]
    const turned = [
      b.map(operands, (re, im, cos, sin) => f.sub(f.mul(cos, re), f.mul(sin, im))),
      b.map(operands, (re, im, cos, sin) => f.add(f.mul(sin, re), f.mul(cos, im))),
    ]
    const pairs = [...x.type.shape.slice(0, 3), half, 1]
    const joined = interleaved
      ? b.reshape(
          b.concatenate(
            turned.map((v) => b.reshape(v, pairs)),
            4,
          ),
          [...x.type.shape.slice(0, 3), rotated],
        )
      : b.concatenate(turned, 3)
    const result = rotated === size ? joined : b.concatenate([joined, b.sliceAxis(x, 3, rotated, size - rotated)], 3)
    return [b.reshape(result, shape)]
  },
}
