import type { OpContext, Operator } from '../context.ts'
import { alongAxis } from '../shared/axes.ts'
import { elementwise } from '../shared/elementwise.ts'
import * as f from '../../core/scalar/formula.ts'

/** scale · x + bias of each channel, [N, C, H, W]. */
const imageScaler: Operator = {
  lower: (c: OpContext) => {
    const { b } = c
    const x = c.input(0)
    const { dtype, shape } = x.type
    const scale = c.float('scale', 1)
    const bias = c.floats('bias', [0])
    c.check(bias.length === 1 || bias.length === shape[1], `${bias.length} values of bias for [${shape.join(',')}]`)
    const offset = alongAxis(c, b.vector(bias, dtype), 1, shape.length)
    return [b.map([x, offset], (v, o) => f.add(f.mul(v, scale), o))]
  },
}

/** A part of each picture of [N, C, H, W]: without `border` (left, top, right, bottom), or `scale` (height, width) from its left upper corner. */
const crop: Operator = {
  floats: 'storage',
  lower: (c: OpContext) => {
    const x = c.input(0)
    const { shape } = x.type
    const [left = 0, top = 0, right = 0, bottom = 0] = c.ints('border')
    c.check(shape.length === 4 && c.ints('border').length === 4, `border [${c.ints('border').join(',')}]`)
    const [n, channels, height, width] = shape as [number, number, number, number]
    const [rows = height - top - bottom, columns = width - left - right] = c.ints('scale', [])
    const fits = (start: number, length: number, size: number): boolean =>
      start >= 0 && length > 0 && start + length <= size
    c.check(
      fits(top, rows, height) && fits(left, columns, width),
      `${rows} x ${columns} from ${top}, ${left} of ${height} x ${width}`,
    )
    return [c.b.slice(x, [0, 0, top, left], [n, channels, rows, columns])]
  },
}

/**
 * Operators that ONNX had on trial before its version 1.5 and then dropped (its documentation of then; onnxruntime's contrib
 * operators). Core ML's and Caffe2's old exporters write them.
 */
export const experimentalOperators: Readonly<Record<string, Operator>> = {
  Affine: elementwise((x, c) => f.add(f.mul(x, c.float('alpha', 1)), c.float('beta', 0))),
  Crop: crop,
  ImageScaler: imageScaler,
  ParametricSoftplus: elementwise((x, c) => f.mul(f.softplus(f.mul(x, c.float('beta'))), c.float('alpha'))),
  Scale: elementwise((x, c) => f.mul(x, c.float('scale', 1))),
  ScaledTanh: elementwise((x, c) => f.mul(f.tanh(f.mul(x, c.float('beta'))), c.float('alpha'))),
}
