import type { OpContext, Operator } from '../context.ts'
import { normalizeAxis, range } from '../shared/axes.ts'
import { resize as lowerResize, type ResizeAxis, type ResizeMode } from '../shared/resize.ts'

/** Scales and lengths after resizing from opset 11 on: by `scales` or `sizes`, of all axes or of `axes`. */
function axesOf(c: OpContext, shape: readonly number[], crops: boolean): ResizeAxis[] {
  const axes = c.ints('axes', range(0, shape.length)).map((axis) => normalizeAxis(c, axis, shape.length))
  const roi = crops ? c.constantInts(1) : []
  const scales = c.constantInts(2, [])
  const sizes = c.constantInts(3, [])
  const given = scales.length > 0 ? scales : sizes
  c.check(given.length === axes.length, `${given.length} scales or sizes for ${axes.length} axes`)
  c.check(
    !crops || (roi.length === 2 * axes.length && roi.every(Number.isFinite)),
    `region of interest [${roi.join(',')}]`,
  )
  c.check(
    given.every((n) => (n > 0 && Number.isFinite(n)) || (given === sizes && n === 0)),
    `scales or sizes [${given.join(',')}]`,
  )
  const policy = c.string('keep_aspect_ratio_policy', 'stretch')
  const ratios = sizes.map((size, i) => size / shape[axes[i]!]!)
  c.check(['stretch', 'not_larger', 'not_smaller'].includes(policy), `keep_aspect_ratio_policy "${policy}"`)
  const common = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios)
  return axes.map((axis, i) => {
    const from = shape[axis]!
    const region: readonly [number, number] = crops ? [roi[i]!, roi[i + axes.length]!] : [0, 1]
    const extent = crops ? region[1] - region[0] : 1
    const exact = given === scales ? from * extent * scales[i]! : policy === 'stretch' ? sizes[i]! : from * common
    const scale = given === scales ? scales[i]! : Math.fround(policy === 'stretch' ? ratios[i]! : common)
    return {
      axis,
      from,
      to: Math.floor(given === sizes && policy !== 'stretch' ? exact + 0.5 : Math.max(0, exact)),
      scale,
      exact,
      roi: region,
    }
  })
}

const kindOf = (c: OpContext): ResizeMode['kind'] => {
  const mode = c.string('mode', 'nearest')
  return mode === 'nearest' || mode === 'linear' || mode === 'cubic' ? mode : c.unsupported(`mode "${mode}"`)
}

export const resize: Operator = {
  since: 10,
  lower: (c: OpContext) => {
    const x = c.input(0)
    if (c.opset < 11) return [resizeByScales(c, c.constantInts(1))]
    const coordinates = c.string('coordinate_transformation_mode', 'half_pixel')
    const crops = coordinates === 'tf_crop_and_resize'
    return [
      lowerResize(c, x, axesOf(c, x.type.shape, crops), {
        kind: kindOf(c),
        coordinates,
        rounding: c.string('nearest_mode', 'round_prefer_floor'),
        cubicA: c.float('cubic_coeff_a', -0.75),
        excludeOutside: c.int('exclude_outside', 0) !== 0,
        antialias: c.int('antialias', 0) !== 0,
        extrapolation: crops ? c.float('extrapolation_value', 0) : undefined,
      }),
    ]
  },
}

/** The operator Upsample and the first version of Resize: positions are i / scale, rounded down. */
function resizeByScales(c: OpContext, scales: readonly number[]): ReturnType<typeof lowerResize> {
  const { shape } = c.input(0).type
  c.check(
    scales.length === shape.length && scales.every((s) => s > 0),
    `scales [${scales.join(',')}] of [${shape.join(',')}]`,
  )
  const axes = scales.map((scale, axis): ResizeAxis => {
    const from = shape[axis]!
    return { axis, from, to: Math.floor(from * scale), scale, exact: from * scale, roi: [0, 1] }
  })
  return lowerResize(c, c.input(0), axes, {
    kind: c.string('mode', 'nearest') === 'bilinear' ? 'linear' : kindOf(c),
    coordinates: 'asymmetric',
    rounding: 'floor',
    cubicA: -0.75,
    excludeOutside: false,
    antialias: false,
    extrapolation: undefined,
  })
}

export const upsample: Operator = {
  lower: (c: OpContext) => {
    if (c.opset >= 9) return [resizeByScales(c, c.constantInts(1))]
    if (c.opset >= 7) return [resizeByScales(c, c.floats('scales'))]
    return [resizeByScales(c, [1, 1, c.float('height_scale'), c.float('width_scale')])]
  },
}
