import { trivialWindow } from '../../../core/ops/window.ts'
import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import { normalizeAxis, range } from '../../shared/axes.ts'
import { fourierMatrix } from '../../shared/fourier.ts'

/** The first `length` slices along `axis`, with zeros after the last where there are fewer. */
function fitted(c: OpContext, x: Value, axis: number, length: number): Value {
  const own = x.type.shape[axis]!
  if (own >= length) return c.b.sliceAxis(x, axis, 0, length)
  const none = x.type.shape.map(() => 0)
  return c.b.pad(x, c.b.scalar(0, x.type.dtype), none, none.with(axis, length - own))
}

/** Number of real (1) or complex (2) components on the last axis. */
function partsOf(c: OpContext, x: Value): number {
  const parts = x.type.shape.at(-1)
  c.check(parts === 1 || parts === 2, `the last axis has ${parts} elements; 1 (real) or 2 (complex) are wanted`)
  return parts
}

/** As a product with a matrix: one transform takes length² operations. One-sided inverses give reals. */
export const dft: Operator = {
  since: 17,
  lower: (c: OpContext) => {
    const { b } = c
    const x = c.input(0)
    const rank = x.type.shape.length
    const [given = 1] = c.opset < 20 ? [c.int('axis', 1)] : c.constantInts(2, [-2])
    const axis = normalizeAxis(c, given, rank)
    c.check(axis < rank - 1, 'the axis of the transform is that of complex components')
    const inverse = c.int('inverse', 0) !== 0
    const onesided = c.int('onesided', 0) !== 0
    const parts = partsOf(c, x)
    const own = x.type.shape[axis]!
    const [length = 0] = c.constantInts(1, [inverse && onesided ? 2 * (own - 1) : own])
    c.check(length >= 1, `a transform of length ${length}`)
    c.check(!onesided || (inverse ? parts === 2 : parts === 1), `one-sided, but ${parts} components`)
    const bins = onesided ? Math.floor(length / 2) + 1 : length
    const toParts = onesided && inverse ? 1 : 2
    const matrix = fourierMatrix(b, x.type.dtype, { length, bins, inverse }, parts, toParts)
    const product = b.dotGeneral(fitted(c, x, axis, inverse ? bins : length), matrix, {
      lhsBatch: [],
      rhsBatch: [],
      lhsContract: [axis, rank - 1],
      rhsContract: [0, 1],
    })
    // The transformed axis is the last but one of the product.
    return [b.transpose(product, [...range(0, axis), rank - 2, ...range(axis, rank - 2), rank - 1])]
  },
}

/** Short-time transform as a convolution of the signal [batch, time, component] with the windowed waves. */
export const stft: Operator = {
  since: 17,
  lower: (c: OpContext) => {
    const { b } = c
    const signal =
      c.input(0).type.shape.length === 2 ? b.reshape(c.input(0), [...c.input(0).type.shape, 1]) : c.input(0)
    c.check(signal.type.shape.length === 3, `the signal has ${signal.type.shape.length} axes`)
    const parts = partsOf(c, signal)
    const [stride = 0] = c.constantInts(1)
    const window = c.inputs[2]
    const [length = 0] = c.constantInts(3, [window ? window.type.shape[0]! : signal.type.shape[1]!])
    c.check(stride >= 1 && length >= 1, `frames of ${length} at a distance of ${stride}`)
    c.check(!window || window.type.shape[0] === length, `a window of ${window?.type.shape[0]} for frames of ${length}`)
    const onesided = c.int('onesided', 1) !== 0
    c.check(!onesided || parts === 1, 'one-sided, but the signal is complex')
    const bins = onesided ? Math.floor(length / 2) + 1 : length
    const waves = fourierMatrix(b, signal.type.dtype, { length, bins, inverse: false }, parts, 2)
    const kernel = window ? b.binary('mul', waves, b.reshape(window, [length, 1, 1, 1])) : waves
    const axes = { batch: 0, feature: 2, spatial: [1] }
    const result = b.convolution(signal, b.reshape(kernel, [length, parts, bins * 2]), {
      lhs: axes,
      rhs: { spatial: [0], input: 1, output: 2 },
      out: axes,
      window: [{ ...trivialWindow, size: length, stride }],
      groups: 1,
    })
    const [batch = 0, frames = 0] = result.type.shape
    return [b.reshape(result, [batch, frames, bins, 2])]
  },
}
