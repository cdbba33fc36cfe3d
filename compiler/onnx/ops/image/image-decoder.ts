import { constant, convert } from '../../../core/scalar/expr.ts'
import * as f from '../../../core/scalar/formula.ts'
import { elementCount } from '../../../core/shape.ts'
import type { OpContext, Operator } from '../../context.ts'

/** Of red, green and blue in a gray, in 1/65536: ITU-R BT.601, as Pillow rounds it, whose results ONNX's own cases have. */
const weights = [19595, 38470, 7471] as const

/** Of pixels, which the module takes in place of the file: boundary/encoded-pictures.ts. */
export const imageDecoder: Operator = {
  since: 20,
  floats: 'storage',
  limits: 'of inputs alone; the caller decodes, and the size of pictures is known at compile time',
  lower: (c: OpContext) => {
    const pixels = c.input(0)
    const { dtype, shape } = pixels.type
    if (pixels.node.op !== 'input' || dtype !== 'u8' || shape.length !== 3)
      c.unsupported('its input is no input of the model that only it reads')
    const [height, width] = shape as readonly [number, number, number]
    const format = c.string('pixel_format', 'RGB')
    if (format === 'RGB') return [pixels]
    const channel = (i: number) => c.b.sliceAxis(pixels, 2, i, 1)
    if (format === 'BGR') return [c.b.concatenate([2, 1, 0].map(channel), 2)]
    c.check(format === 'Grayscale', `pixel_format ${format}`)
    c.check(elementCount([height, width]) > 0, `a picture of ${width} × ${height} pixels`)
    return [
      c.b.map([0, 1, 2].map(channel), (...rgb) => {
        const parts = rgb.map((v, i) => f.mul(convert(v, 'u32'), weights[i]!))
        const sum = f.add(parts.reduce(f.add), 1 << 15)
        return convert(f.div(sum, constant(1 << 16, 'u32')), 'u8')
      }),
    ]
  },
}
