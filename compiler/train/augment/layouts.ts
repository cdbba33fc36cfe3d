import { isFloat, type DType } from '../../core/scalar/dtype.ts'
import type { Shape } from '../../core/shape.ts'
import type { Layout, PictureLayout } from './augmentation.ts'

/** How the values of pictures come from bytes: (byte · scale − mean) / std, channel by channel. */
export interface PictureValues {
  readonly layout: 'NHWC' | 'NCHW'
  readonly scale: number
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** The layout of pictures in an input [1, H, W, C] or [1, C, H, W]. */
export function pictureLayout(shape: Shape, { layout, scale, mean, std }: PictureValues): PictureLayout {
  const [channels, height, width] = layout === 'NCHW' ? shape.slice(1) : [shape[3], shape[1], shape[2]]
  const [h, w, c] = [height!, width!, channels!]
  const value = (byte: number): number[] =>
    Array.from({ length: c }, (_, i) => (byte * scale - (mean[i] ?? 0)) / (std[i] ?? 1))
  return {
    kind: 'picture',
    ...{ height: h, width: w, channels: c, black: value(0), white: value(255) },
    strides: layout === 'NCHW' ? { row: w, column: 1, channel: h * w } : { row: w * c, column: c, channel: 1 },
  }
}

/** The layout of data that is no picture, by its type: numbers of tokens, amplitudes, spectrograms, or other floats. */
export function layoutOf(dtype: DType, shape: Shape): Layout | undefined {
  const [, length, bins, last = 1] = shape
  if (shape.length === 2)
    return isFloat(dtype) ? { kind: 'sound', length: length! } : { kind: 'tokens', length: length! }
  if (!isFloat(dtype)) return undefined
  const isSpectrogram = shape.length === 3 || (shape.length === 4 && last === 1)
  return isSpectrogram ? { kind: 'spectrogram', frames: length!, bins: bins! } : { kind: 'values' }
}
