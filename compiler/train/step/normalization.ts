import type { Builder } from '../../core/builder.ts'
import * as f from '../../core/scalar/formula.ts'
import type { Value } from '../../core/graph.ts'
import { elementCount } from '../../core/shape.ts'
import type { Normalization } from '../model/model.ts'

/**
 * Mean and variance of a batch `x` for each channel, and what running statistics take in: the variance of the population that
 * the batch was drawn from, n / (n − 1) times as much (Ioffe & Szegedy, 2015, algorithm 2). With `batched`, `x` has the
 * batch axis before its own.
 */
export function batchStatistics(
  b: Builder,
  { value: x, batched }: { readonly value: Value; readonly batched: boolean },
  { axis, mean, variance }: Normalization,
) {
  const { shape } = x.type
  const channel = batched ? axis + 1 : axis
  const others = shape.map((_, i) => i).filter((i) => i !== channel)
  const count = elementCount(shape) / shape[channel]!
  const average = (v: Value): Value => b.map([b.reduce('add', v, others)], (sum) => f.mul(sum, 1 / count))
  const center = average(x)
  const centered = b.binary('sub', x, b.broadcastInDim(center, shape, [channel]))
  const spread = average(b.map([centered], (d) => f.square(d)))
  const population = b.map([spread], (v) => f.mul(v, count / Math.max(count - 1, 1)))
  return {
    mean: b.reshape(center, mean.value.type.shape),
    variance: b.reshape(spread, variance.value.type.shape),
    running: {
      mean: b.reshape(center, mean.value.type.shape),
      variance: b.reshape(population, variance.value.type.shape),
    },
  }
}
