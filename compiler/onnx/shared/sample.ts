import type { Builder } from '../../core/builder.ts'
import * as expr from '../../core/scalar/expr.ts'
import type { Expr } from '../../core/scalar/expr.ts'
import type { Value } from '../../core/graph.ts'
import { elementCount } from '../../core/shape.ts'
import { range } from './axes.ts'
import * as f from '../../core/scalar/formula.ts'

/** One element along one axis that goes into a sample, for all samples: tensors [batch, samples]. */
export interface Tap {
  /** i32, inside of the axis. */
  readonly index: Value
  /** Of the data's dtype; 1 where it is left out. */
  readonly weight?: Value
  /** Where false, the element counts as 0; always true where it is left out. */
  readonly valid?: Value
}

/**
 * Weighted elements [batch, channel, samples] of `x` [batch, channel, …spatial], one tensor for each combination of one tap
 * of every spatial axis.
 */
export function weightedTaps(b: Builder, x: Value, taps: readonly (readonly Tap[])[]): Value[] {
  const [batch = 0, channels = 0, ...spatial] = x.type.shape
  const flat = b.reshape(x, [batch, channels, elementCount(spatial)])
  const combinations = taps.reduce<readonly Tap[][]>(
    (list, axis) => list.flatMap((combination) => axis.map((tap) => [...combination, tap])),
    [[]],
  )
  return combinations.map((combination) => {
    const place = b.map(
      combination.map((tap) => tap.index),
      (...indices) => indices.reduce((sum, index, axis) => f.add(f.mul(sum, spatial[axis]!), index)),
    )
    const samples = place.type.shape[1]!
    const taken = b.gather(flat, place, {
      offsetDims: [1],
      collapsedSliceDims: [2],
      operandBatchingDims: [0],
      startIndicesBatchingDims: [0],
      startIndexMap: [2],
      indexVectorDim: 2,
      sliceSizes: [1, channels, 1],
    })
    const overChannels = (v: Value): Value => b.reshape(v, [batch, 1, samples])
    const weights = combination.flatMap(({ weight }) => (weight ? [overChannels(weight)] : []))
    const masks = combination.flatMap(({ valid }) => (valid ? [overChannels(valid)] : []))
    if (weights.length + masks.length === 0) return taken
    return b.map([taken, ...weights, ...masks], (value, ...others) => {
      const product = others.slice(0, weights.length).reduce<Expr>(f.mul, value)
      const all = others.slice(weights.length)
      return all.length > 0 ? f.select(all.reduce(f.and), product, 0) : product
    })
  })
}

export const sumOf = (b: Builder, values: readonly Value[]): Value => b.map(values, (...terms) => terms.reduce(f.add))

/** Tap at `index` (a whole number in a float dtype), which is valid inside of an axis of `size`. */
export function clampedTap(b: Builder, index: Value, size: number, weight?: Value): Tap {
  const tap = {
    index: b.map([index], (i) => expr.convert(f.clamp(i, 0, size - 1), 'i32')),
    valid: b.map([index], (i) => f.and(f.ge(i, 0), f.le(i, size - 1))),
  }
  return weight ? { ...tap, weight } : tap
}

/** The two neighbours of `x` on an axis of `size`; what lies outside of it counts as 0. */
export function linearTaps(b: Builder, x: Value, size: number): Tap[] {
  const low = b.unary('floor', x)
  const fraction = b.binary('sub', x, low)
  const rest = b.map([fraction], (t) => f.sub(1, t))
  const high = b.map([low], (i) => f.add(i, 1))
  return [clampedTap(b, low, size, rest), clampedTap(b, high, size, fraction)]
}

/** [batch, samples] along the last axis: component `k` of vectors. */
export const component = (b: Builder, x: Value, k: number): Value =>
  b.reshape(b.sliceAxis(x, x.type.shape.length - 1, k, 1), [x.type.shape[0]!, elementCount(x.type.shape.slice(1, -1))])

export const spatialAxes = (x: Value): number[] => range(2, x.type.shape.length)
