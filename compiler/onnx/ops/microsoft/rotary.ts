import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'
import { turned } from '../attention/rotary-embedding.ts'

/** [batch, sequence] from that, or from the position of the first element, after which the others follow. */
function positionsOf(c: OpContext, given: Value, batch: number, sequence: number): Value {
  const { b } = c
  if (given.type.shape.length === 2) return given
  const first = b.reshape(given, [])
  const following = b.map([first, b.iota(first.type.dtype, [1, sequence], 1)], (p, i) => f.add(p, i))
  return b.broadcast(following, [batch, sequence])
}

/**
 * Inputs: x [batch, heads, sequence, size] or [batch, sequence, heads · size], positions, cosines and sines by position
 * (ContribOperators.md). Without num_heads the caches say how wide a head is.
 */
export const microsoftRotaryEmbedding: Operator = {
  limits: 'with scale 1',
  lower: (c: OpContext) => {
    const { b } = c
    const { shape } = c.input(0).type
    if (c.float('scale', 1) !== 1) c.unsupported(`scale ${c.float('scale')}`)
    c.check(shape.length === 3 || shape.length === 4, `the input has ${shape.length} axes`)
    const flat = shape.length === 3
    const [cosines, sines] = [c.input(2), c.input(3)]
    const width = 2 * (cosines.type.shape[1] ?? 0)
    const given = c.int('num_heads', 0)
    c.check(width > 0 && given >= 0, `caches of ${width / 2} columns for ${given} heads`)
    const heads = flat ? given || shape[2]! / width : shape[1]!
    c.check(
      Number.isInteger(heads) && (!flat || shape[2]! % heads === 0),
      `${shape.at(-1)} features for ${heads} heads`,
    )
    const [batch, sequence] = [shape[0]!, flat ? shape[1]! : shape[2]!]
    const x = flat ? b.reshape(c.input(0), [batch, sequence, heads, shape[2]! / heads]) : c.input(0)
    const positions = positionsOf(c, c.input(1), batch, sequence)
    const rotated = c.int('rotary_embedding_dim', 0) || x.type.shape[3]!
    const rotation = { cosines, sines, positions, rotated, interleaved: c.int('interleaved', 0) !== 0 }
    return [b.reshape(turned(c, x, flat ? 2 : 1, rotation), shape)]
  },
}
