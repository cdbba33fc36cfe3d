import type { Value } from '../../../core/graph.ts'
import type { Operator } from '../../context.ts'
import { alongAxis, range } from '../../shared/axes.ts'
import * as f from '../../../core/scalar/formula.ts'
import { moments } from '../../shared/nn/normalize.ts'

/**
 * x · scale / √(variance + epsilon) + (bias - mean · the same factor): two small maps over parameters and one over X. With
 * training_mode (opset 14 on) statistics come from the batch, and the running ones are two more outputs. Parameters may be
 * of another dtype than X; all is computed in that of X.
 */
export const batchNormalization: Operator = {
  lower: (c) => {
    const { b } = c
    const x = c.input(0)
    const { dtype, shape } = x.type
    const rank = shape.length
    const epsilon = c.float('epsilon', 1e-5)
    const momentum = c.float('momentum', 0.9)
    const [scale, bias, oldMean, oldVariance] = [1, 2, 3, 4].map((i) => b.convert(c.input(i), dtype)) as [
      Value,
      Value,
      Value,
      Value,
    ]
    // Before opset 9, spatial = 0 means parameters for every element of an image, in its shape. Rank 1 is one channel.
    const aligned = rank <= 1 || (c.opset < 9 && c.int('spatial', 1) === 0)
    const broadcastable = (v: Value): Value => (aligned ? v : alongAxis(c, v, 1, rank))
    const normalize = (mean: Value, variance: Value): Value => {
      const factor = b.map([scale, variance], (s, v) => f.div(s, f.sqrt(f.add(v, epsilon))))
      const offset = b.map([bias, mean, factor], (beta, m, k) => f.sub(beta, f.mul(m, k)))
      return b.map([x, broadcastable(factor), broadcastable(offset)], (e, k, o) => f.add(f.mul(e, k), o))
    }
    if (c.opset < 14 || c.int('training_mode', 0) === 0) {
      // Before opset 14 exporters name the outputs of training too, which nothing reads.
      if ([1, 2, 3, 4].some((i) => c.wantsOutput(i)))
        c.unsupported('outputs beyond the first, which only training gives')
      const y = normalize(oldMean, oldVariance)
      if (!aligned) c.normalization(x, y, epsilon, momentum)
      return [y]
    }
    const batch = moments(
      b,
      x,
      range(0, rank).filter((axis) => axis !== 1),
    )
    const mean = b.reshape(batch.mean, oldMean.type.shape)
    const variance = b.reshape(batch.variance, oldVariance.type.shape)
    const running = (old: Value, current: Value, like: Value): Value =>
      b.convert(
        b.map([old, current], (o, n) => f.add(f.mul(o, momentum), f.mul(n, 1 - momentum))),
        like.type.dtype,
      )
    return [normalize(mean, variance), running(oldMean, mean, c.input(3)), running(oldVariance, variance, c.input(4))]
  },
}
