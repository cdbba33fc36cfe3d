import type { NodeOf } from '../../../core/graph.ts'
import { call } from '../../program/call.ts'
import type { ConvolutionForm } from '../../kernels/convolution-form.ts'
import { preferredTile, winogradTiles, type WinogradTile } from '../../kernels/choice.ts'
import type { Access, Buffer } from '../../program/program.ts'
import type { Scheduler } from '../scheduler.ts'
import { forEachImage } from './images.ts'
import { placed, replacing, start, type Placement } from './template.ts'

/** The template's distance between planes beyond their contents, in floats. */
const gap = 16

/** Floats of transformed input that a band of tiles may take: as fast as twice as many. */
const bandFloats = 1 << 13

/** The same for all tiles at once, which need but one block's transformed weights at a time. */
const wholeFloats = 1 << 14

/** Floats of transformed weights that are worth their memory. */
const mostWeights = 1 << 14

/** Whether a convolution can be computed as whole tiles of `side` by `side` pixels: 3 × 3 taps, stride 1. */
export const hasTiles = (
  node: NodeOf<'convolution'>,
  { groups, outHeight, outWidth }: ConvolutionForm,
  side: WinogradTile,
): boolean =>
  groups === 1 &&
  node.attrs.window.length === 2 &&
  node.attrs.window.every((w) => w.size === 3 && w.stride === 1 && w.dilation === 1) &&
  outHeight % side === 0 &&
  outWidth % side === 0

/** The side of the tiles by which Winograd computes a convolution fastest; undefined where that is not faster. */
export function winogradTile(node: NodeOf<'convolution'>, form: ConvolutionForm): WinogradTile | undefined {
  const { channels, outputs, outHeight, outWidth } = form
  if (channels % 4 !== 0 || channels * outputs > mostWeights) return undefined
  const sides = winogradTiles.filter((side) => hasTiles(node, form, side))
  return preferredTile(outHeight * outWidth, channels, outputs, sides)
}

interface Strides {
  readonly image: number
  readonly row: number
  readonly pixel: number
}

/** Emits the kernels of a convolution by tiles of `side`; `weights` are packed as for implicit gemm, strides in bytes. */
export function winograd(
  s: Scheduler,
  node: NodeOf<'convolution'>,
  form: ConvolutionForm,
  side: WinogradTile,
  operands: { readonly x: Access; readonly weights: Buffer },
  strides: { readonly x: Strides; readonly y: Strides; readonly aux: Strides },
  placement: Placement,
  nodes: readonly string[],
): void {
  const { channels, outputs } = form
  const rows = form.outHeight / side
  const columns = form.outWidth / side
  const count = (side + 2) * (side + 2)
  const row = count * columns * channels
  const band = rows * row <= wholeFloats ? rows : Math.max(1, Math.floor(bandFloats / row))
  const tiles = Math.ceil((band * columns) / 4) * 4
  const planes = (floats: number): number => count * (floats + gap)
  const block = planes(channels * 8)
  const blockStride = band < rows ? block : 0
  const u = s.newBuffer('f32', blockStride ? block * Math.ceil(outputs / 8) : block)
  const v = s.newBuffer('f32', planes(tiles * channels))
  const m = s.newBuffer('f32', planes(16 * 8))
  forEachImage(s, form.batch, nodes, (at) =>
    call(
      side === 4 ? 'f32_winograd_4x4' : 'f32_winograd_2x2',
      {
        ...placed(placement, operands.x, start(operands.weights), at),
        u: start(u),
        v: start(v),
        m: start(m),
        TH: rows,
        TW: columns,
        band,
        C: channels,
        CO: outputs,
        ublock: blockStride * 4,
        xrow: strides.x.row,
        xpix: strides.x.pixel,
        yrow: strides.y.row,
        ypix: strides.y.pixel,
        auxrow: strides.aux.row,
        auxpix: strides.aux.pixel,
      },
      {
        holes: placement.holes,
        ...replacing(placement, node.results[0]!.type),
        macs: form.outHeight * form.outWidth * channels * outputs * 9,
        nodes,
      },
    ),
  )
}
