import { constant, type Expr } from '../../core/scalar/expr.ts'
import * as f from '../../core/scalar/formula.ts'
import type { Value } from '../../core/graph.ts'
import { philox, unitInterval } from '../../core/random/philox.ts'
import { rowMajorStrides, type Shape } from '../../core/shape.ts'
import type { OpContext } from '../context.ts'

/** Of nodes without a seed; their names then keep them apart. */
const defaultSeed = 0

/** FNV-1a. */
function hash(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h >>> 0
}

/** Attribute `seed`, a float but for Dropout; undefined where it is missing. */
const floatSeed = (c: OpContext): number | undefined => (c.has('seed') ? c.float('seed') : undefined)

/** Nodes of one seed give the same numbers. A seed's bits as f32 are taken. */
function keyOf(c: OpContext, seed: number | undefined): [number, number] {
  if (seed === undefined) return [defaultSeed, hash(c.b.origin?.node ?? '')]
  return [new Uint32Array(Float32Array.of(seed).buffer)[0]!, 0]
}

/**
 * `shape` filled with what `body` makes of random numbers in [0, 1), f32. They depend on the seed and the place alone:
 * every run gives the same ones.
 */
export function randomTensor(
  c: OpContext,
  shape: Shape,
  body: (uniform: (i: 0 | 1) => Expr) => Expr,
  seed: number | undefined = floatSeed(c),
): Value {
  const { b } = c
  const strides = rowMajorStrides(shape)
  // The element's number, from one small vector for each axis.
  const axes = shape.map((d, axis) =>
    b.iota(
      'u32',
      shape.map((_, i) => (i === axis ? d : 1)),
      axis,
    ),
  )
  const key = keyOf(c, seed)
  const zero = constant(0, 'u32')
  return b.map(axes, (...indices) => {
    const number = indices.reduce((sum, index, axis) => f.add(sum, f.mul(index, strides[axis]!)), zero)
    const bits = philox([number, zero, zero, zero], key)
    return body((i) => unitInterval(bits[i]!))
  })
}
