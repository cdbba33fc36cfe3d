import type { NodeOf } from '../../core/graph.ts'
import type { ConvolutionForm } from '../convolution-form.ts'
import type { Access, Buffer } from '../program.ts'
import type { Scheduler } from '../scheduler.ts'
import { address, type Placement } from './template.ts'

/** The template's distance between planes beyond their contents, in floats. */
const gap = 16

/** Floats of transformed input that a band of tiles may take: with the products, what a second-level cache holds. */
const bandFloats = 1 << 14

/** Floats of transformed weights that are worth their memory. */
const mostWeights = 1 << 14

/** Tiles of two by two pixels from which on the transformed weights pay. */
const fewestTiles = 16

/** Whether a convolution can be computed as tiles of two by two pixels, and has enough of them and of channels. */
function hasTiles(node: NodeOf<'convolution'>, form: ConvolutionForm): boolean {
  const { channels, outputs, outHeight, outWidth } = form
  return (
    form.groups === 1 &&
    node.attrs.window.length === 2 &&
    node.attrs.window.every((w) => w.size === 3 && w.stride === 1 && w.dilation === 1) &&
    outHeight % 2 === 0 &&
    outWidth % 2 === 0 &&
    (outHeight * outWidth) / 4 >= Number(process.env.TILES ?? fewestTiles) &&
    channels >= 8 &&
    outputs % 8 === 0 &&
    outputs >= 8
  )
}

/** Whether a convolution is one for `f32_winograd_3x3`, and large enough for it to pay. */
export function suitsWinograd(node: NodeOf<'convolution'>, form: ConvolutionForm): boolean {
  return hasTiles(node, form) && form.channels % 4 === 0 && form.channels * form.outputs <= mostWeights
}

/** Bytes of transformed input that a strip of tiles may take. */
const stripBytes = 1 << 15

/** Channels of which 4 · 9 · 255 · 128 times as much stays below 2³¹. */
const mostChannels = 1827

/** What `u8_winograd_i16_3x3` takes, where the convolution is one for it: rows of tiles at a time, and scratch. */
export function integerWinograd(
  node: NodeOf<'convolution'>,
  form: ConvolutionForm,
): { readonly strip: number; readonly scratchBytes: number } | undefined {
  const { channels, outHeight, outWidth } = form
  if (!hasTiles(node, form) || channels % 8 !== 0 || channels > mostChannels) return undefined
  const columns = outWidth / 2
  const rows = outHeight / 2
  const strip = Math.min(rows, Math.max(1, Math.floor(stripBytes / (32 * columns * channels))))
  const tiles = Math.ceil((strip * columns) / 4) * 4
  const gapBytes = gap * 4
  return { strip, scratchBytes: 16 * (128 + channels * 16 + gapBytes + tiles * channels * 2 + gapBytes) }
}

interface Strides {
  readonly image: number
  readonly row: number
  readonly pixel: number
}

/** Emits the kernels of a convolution that `suitsWinograd`; `weights` are packed as for igemm, strides in bytes. */
export function winograd(
  s: Scheduler,
  form: ConvolutionForm,
  operands: { readonly x: Access; readonly weights: Buffer },
  strides: { readonly x: Strides; readonly y: Strides; readonly aux: Strides },
  { write, aux, bias, biasOffset, holes, parameters }: Placement,
  nodes: readonly string[],
): void {
  const { channels, outputs } = form
  const rows = form.outHeight / 2
  const columns = form.outWidth / 2
  const band = Math.min(rows, Math.max(1, Math.floor(bandFloats / (16 * columns * channels))))
  const tiles = Math.ceil((band * columns) / 4) * 4
  const planes = (floats: number): number => 16 * (floats + gap)
  const block = planes(channels * 8)
  const blockStride = band < rows ? block : 0
  const u = s.newBuffer('f32', blockStride ? (block * outputs) / 8 : block)
  const v = s.newBuffer('f32', planes(tiles * channels))
  const m = s.newBuffer('f32', 16 * 4 * 8)
  for (let n = 0; n < form.batch; n++) {
    s.emit({
      kind: 'template',
      template: 'f32_winograd_3x3',
      args: [
        address(operands.x, (n * strides.x.image) / 4),
        { buffer: operands.weights, offset: 0 },
        { buffer: bias, offset: biasOffset },
        address(write, (n * strides.y.image) / 4),
        address(aux, (n * strides.aux.image) / 4),
        ...[u, v, m].map((buffer) => ({ buffer, offset: 0 })),
        ...[rows, columns, band, channels, outputs, blockStride * 4],
        ...[strides.x.row, strides.x.pixel, strides.y.row, strides.y.pixel, strides.aux.row, strides.aux.pixel],
        ...parameters,
      ],
      holes,
      reads: [operands.x.buffer, operands.weights, bias, aux.buffer],
      writes: [write.buffer, u, v, m],
      macs: form.outHeight * form.outWidth * channels * outputs * 9,
      nodes,
    })
  }
}
