import type { Builder } from '../../../core/builder.ts'
import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import { normalizeAxis, range } from '../../shared/axes.ts'
import * as f from '../../../core/scalar/formula.ts'
import { inverseDeviation, moments, scaleAndShift } from '../../shared/nn/normalize.ts'

const normalizedAxes = (c: OpContext, x: Value): number[] => {
  const rank = x.type.shape.length
  return range(normalizeAxis(c, c.int('axis', -1), rank), rank)
}

/** Axes that are not normalized over stay. */
const keepsBefore: NonNullable<Operator['keeps']> = (c, input, axis) =>
  input === 0 && !normalizedAxes(c, c.input(0)).includes(axis) ? axis : undefined

export interface LayerParameters {
  readonly scale: Value | undefined
  readonly bias: Value | undefined
  readonly axes: readonly number[]
  readonly epsilon: number
}

/**
 * Layer normalization of `x`: [Y, Mean, InvStdDev], the last two f32 (stash_type 1).
 */
export function layerNormalized(b: Builder, x: Value, { scale, bias, axes, epsilon }: LayerParameters): Value[] {
  const { mean, centered, variance } = moments(b, x, axes)
  const inverse = inverseDeviation(b, variance, epsilon)
  const result = scaleAndShift(b, centered, inverse, scale, bias)
  return [result, b.convert(mean, 'f32'), b.convert(inverse, 'f32')]
}

export const layerNormalization: Operator = {
  keeps: keepsBefore,
  f32Results: [1, 2],
  lower: (c) => {
    const x = c.input(0)
    const axes = normalizedAxes(c, x)
    return layerNormalized(c.b, x, { scale: c.input(1), bias: c.inputs[2], axes, epsilon: c.float('epsilon', 1e-5) })
  },
}

/** x / √(mean of squares over `axes` + epsilon) · scale. */
export function rmsNormalized(b: Builder, x: Value, scale: Value, axes: readonly number[], epsilon: number): Value {
  const meanSquare = b.mean(b.map([x], f.square), axes, true)
  return scaleAndShift(b, x, inverseDeviation(b, meanSquare, epsilon), scale, undefined)
}

/** RMSNormalization, and SimplifiedLayerNormalization as onnxruntime calls it. */
export const rmsNormalization: Operator = {
  keeps: keepsBefore,
  lower: (c) => {
    const x = c.input(0)
    return [rmsNormalized(c.b, x, c.input(1), normalizedAxes(c, x), c.float('epsilon', 1e-5))]
  },
}
