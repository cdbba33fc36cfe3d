import type { NodeOf } from '../../../core/graph.ts'
import type { ConvolutionForm } from '../../kernels/convolution-form.ts'
import { hasTiles } from './winograd.ts'

/** The template's distance between planes beyond their contents, in bytes. */
const gap = 64

/** Bytes of transformed input that a strip of tiles may take: larger ones gain 4 %, smaller ones lose 10. */
const stripBytes = 1 << 15

/** Tiles that are multiplied together. */
const together = 4

/** The last transform undoes what sums wrap where 4 · 9 · 255 · 128 · channels stays below 2³¹. */
const mostChannels = Math.floor((2 ** 31 - 1) / (4 * 9 * 255 * 128))

/** Smaller convolutions do not repay some 3 KB of code. */
const fewestMacs = 1 << 18

/** Rows of tiles of a strip, and bytes of scratch, of `u8_winograd_i16_3x3`. */
export interface IntegerWinograd {
  readonly strip: number
  readonly scratchBytes: number
}

/** What the template takes where a convolution of bytes is one for it, and large enough for it to pay. */
export function integerWinograd(node: NodeOf<'convolution'>, form: ConvolutionForm): IntegerWinograd | undefined {
  const { channels, outputs, outHeight, outWidth } = form
  const whole = hasTiles(node, form, 2) && channels % 8 === 0 && outputs % 8 === 0
  if (!whole || channels > mostChannels || (outHeight * outWidth) / 4 < together) return undefined
  if (outHeight * outWidth * channels * outputs * 9 < fewestMacs) return undefined
  const columns = outWidth / 2
  const strip = Math.min(outHeight / 2, Math.max(1, Math.floor(stripBytes / (32 * columns * channels))))
  const tiles = Math.ceil((strip * columns) / together) * together
  const plane = together * 8 * 4 + (channels * 8 * 2 + gap) + (tiles * channels * 2 + gap)
  return { strip, scratchBytes: 16 * plane }
}
