import { isFloat, type DType } from '../../../core/scalar/dtype.ts'
import { convert, unary, type Expr } from '../../../core/scalar/expr.ts'
import * as f from '../../../core/scalar/formula.ts'
import type { Shape } from '../../../core/shape.ts'
import type { OpContext, Operator } from '../../context.ts'
import { randomTensor } from '../../shared/random.ts'

type Draw = (c: OpContext, uniform: (i: 0 | 1) => Expr) => Expr

const uniform: Draw = (c, random) => {
  const [low, high] = [c.float('low', 0), c.float('high', 1)]
  return f.add(f.mul(random(0), high - low), low)
}

/** Box & Muller, "A note on the generation of random normal deviates", 1958. The logarithm is never of 0. */
const normal: Draw = (c, random) => {
  const radius = f.sqrt(f.mul(f.log(f.sub(1, random(0))), -2))
  const deviate = f.mul(radius, unary('cos', f.mul(random(1), 2 * Math.PI)))
  return f.add(f.mul(deviate, c.float('scale', 1)), c.float('mean', 0))
}

const filled = (c: OpContext, draw: Draw, dtype: DType, shape: Shape) => {
  c.check(isFloat(dtype), `dtype is ${dtype}`)
  return [randomTensor(c, shape, (random) => convert(draw(c, random), dtype))]
}

const ofShape = (draw: Draw): Operator => ({
  floats: 'storage',
  lower: (c) => filled(c, draw, c.dtype('dtype', 'f32'), c.ints('shape')),
})

const like = (draw: Draw): Operator => ({
  floats: 'storage',
  lower: (c) => {
    const { dtype, shape } = c.input(0).type
    return filled(c, draw, c.dtype('dtype', dtype), shape)
  },
})

/** 1 with the probability that the input gives. */
const bernoulli: Operator = {
  floats: 'storage',
  lower: (c) => {
    const { b } = c
    const x = c.input(0)
    const dtype = c.dtype('dtype', x.type.dtype)
    const drawn = randomTensor(c, x.type.shape, (random) => random(0))
    return [b.map([drawn, b.convert(x, 'f32')], (u, p) => convert(f.lt(u!, p!), dtype))]
  },
}

/** Classes drawn with the probabilities whose logarithms, up to a summand, the input gives: [batch, classes] to [batch, samples]. */
const multinomial: Operator = {
  lower: (c: OpContext) => {
    const { b } = c
    const x = c.input(0)
    const [batch = 0, classes = 0] = x.type.shape
    const samples = c.int('sample_size', 1)
    c.check(
      x.type.shape.length === 2 && classes > 0 && samples >= 0,
      `${samples} samples of [${x.type.shape.join(',')}]`,
    )
    const greatest = b.reduce('max', b.convert(x, 'f32'), [1], true)
    const weights = b.map([b.convert(x, 'f32'), greatest], (v, most) => f.exp(f.sub(v!, most!)))
    const sums = b.cumulate(weights, { kind: 'add', axis: 1, exclusive: false, reverse: false })
    const total = b.reshape(b.sliceAxis(sums, 1, classes - 1, 1), [batch, 1, 1])
    const drawn = b.reshape(
      randomTensor(c, [batch, samples], (random) => random(0)),
      [batch, samples, 1],
    )
    const passed = b.map([b.reshape(sums, [batch, 1, classes]), drawn, total], (sum, u, all) =>
      convert(f.le(sum!, f.mul(u!, all!)), 'i32'),
    )
    const chosen = b.reduce('add', passed, [2])
    return [b.map([chosen], (n) => convert(f.min(n!, classes - 1), c.dtype('dtype', 'i32')))]
  },
}

/** Operators whose results are random, but the same in every run. */
export const randomOperators: Readonly<Record<string, Operator>> = {
  Bernoulli: bernoulli,
  Multinomial: multinomial,
  RandomNormal: ofShape(normal),
  RandomNormalLike: like(normal),
  RandomUniform: ofShape(uniform),
  RandomUniformLike: like(uniform),
}
