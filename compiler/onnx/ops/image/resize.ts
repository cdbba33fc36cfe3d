import type { OpContext, Operator } from '../../context.ts'
import { normalizeAxis, range } from '../../shared/axes.ts'
import { resize as lowerResize, type ResizeAxis, type ResizeMode } from '../../shared/resize.ts'

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
  c.check(['stretch', 'not_larger', 'not_smaller'].includes(policy), `keep_aspect_ratio_policy "${policy}"`)
  const ratios = sizes.map((size, i): readonly [number, number] => [size, shape[axes[i]!]!])
  const [first] = ratios.toSorted(([a, b], [y, z]) => (a / b - y / z) * (policy === 'not_larger' ? 1 : -1))
  return axes.map((axis, i) => {
    const from = shape[axis]!
    const roiOfAxis: readonly [number, number] = crops ? [roi[i]!, roi[i + axes.length]!] : [0, 1]
    if (given === scales) return { ...byScale(axis, from, scales[i]!), roi: roiOfAxis }
    const ratio = policy === 'stretch' ? ratios[i]! : first!
    const exact = policy === 'stretch' ? ratio[0] : (from * ratio[0]) / ratio[1]
    const scale = Math.fround(ratio[0] / ratio[1])
    return { axis, from, to: Math.floor(exact + 0.5), scale, ratio, exact, roi: roiOfAxis }
  })
}

/** The length is a product in f32, rounded down, as ONNX's shape inference and onnxruntime have it; a region of interest has no say in it. */
const byScale = (axis: number, from: number, scale: number): ResizeAxis => ({
  axis,
  from,
  to: Math.floor(Math.fround(from * scale)),
  scale,
  exact: from * scale,
  roi: [0, 1],
})

function nearestMode(c: OpContext): string {
  const given = c.string('nearest_mode', 'round_prefer_floor')
  c.check(given !== 'simple', `nearest_mode "${given}"`)
  return given
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
        rounding: nearestMode(c),
        cubicA: c.float('cubic_coeff_a', -0.75),
        excludeOutside: c.int('exclude_outside', 0) !== 0,
        antialias: c.int('antialias', 0) !== 0,
        extrapolation: crops ? c.float('extrapolation_value', 0) : undefined,
      }),
    ]
  },
}

/** The operator Upsample and the first version of Resize: positions are i / scale. */
function resizeByScales(c: OpContext, scales: readonly number[]): ReturnType<typeof lowerResize> {
  const { shape } = c.input(0).type
  c.check(
    scales.length === shape.length && scales.every((s) => s > 0),
    `scales [${scales.join(',')}] of [${shape.join(',')}]`,
  )
  const axes = scales.map((scale, axis) => byScale(axis, shape[axis]!, scale))
  return lowerResize(c, c.input(0), axes, {
    kind: c.string('mode', 'nearest') === 'bilinear' ? 'linear' : kindOf(c),
    coordinates: 'asymmetric',
    rounding: 'simple',
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
