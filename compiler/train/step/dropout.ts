import type { Builder } from '../../core/builder.ts'
import { constant } from '../../core/scalar/expr.ts'
import * as f from '../../core/scalar/formula.ts'
import type { Value } from '../../core/graph.ts'
import { philox, unitInterval } from '../../core/random/philox.ts'
import { elementCount, type Shape } from '../../core/shape.ts'

/**
 * Factors of `shape` of which a share of `ratio` is zero and the others 1 / (1 − ratio) (Srivastava et al., 2014). Which ones is a
 * function of seed, step, place in the model and position: `counter` is the step, u32[].
 */
export function dropoutMask(
  b: Builder,
  shape: Shape,
  ratio: number,
  counter: Value,
  seed: number,
  place: number,
): Value {
  const count = elementCount(shape)
  const mask = b.map([b.iota('u32', [count], 0), counter], (position, step) => {
    const key: [number, number] = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0]
    const [bits] = philox([position, step, constant(place, 'u32'), constant(0x64726f70, 'u32')], key)
    return f.select(f.ge(unitInterval(bits!), ratio), constant(1 / (1 - ratio), 'f32'), 0)
  })
  return b.reshape(mask, shape)
}
