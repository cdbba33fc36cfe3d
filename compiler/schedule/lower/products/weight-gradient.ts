import type { NodeOf } from '../../../core/graph.ts'
import { contiguous } from '../../program/access.ts'
import { call, type TemplateArguments } from '../../program/call.ts'
import type { WeightGradientForm } from '../../kernels/weight-gradient-form.ts'
import { lazyAccess } from '../lazy.ts'
import type { Access, TemplateAddress } from '../../program/program.ts'
import { originOf, type Scheduler } from '../scheduler.ts'
import { address, flag, start } from './template.ts'

/** What the pixels of a band may take, in bytes: they are read anew for every tile of the result, so they stay in a first-level cache. */
const bandBytes = 1 << 15

/** Fewer pixels are not worth going over the result again. */
const leastBand = 64

/** Rows of the template's tile, whose columns, and how many of these it takes at a time. */
const tile = { rows: 4, columns: 8, chunk: 64 }

/** Pixels of a band and room for what the template takes of them. */
function bandFor(s: Scheduler, pixels: number, columns: number): { band: number; scratch: TemplateAddress } {
  const blocks = Math.ceil(Math.min(columns, tile.chunk) / tile.columns)
  const each = tile.rows + blocks * tile.columns
  const band = Math.min(pixels, Math.max(leastBand, Math.floor(bandBytes / 4 / each)))
  return { band, scratch: start(s.newBuffer('f32', band * each)) }
}

/** The pixels of both operands, strides in bytes: images, rows and pixels apart from one another. */
interface Pixels {
  readonly images: number
  readonly OH: number
  readonly OW: number
  readonly xi: number
  readonly sy: number
  readonly step: number
  readonly gi: number
  readonly grow: number
  readonly gpix: number
}

/** The same pixels in as few rows as can be: where they are evenly spaced in both operands, the next row goes on with them. */
function merged(p: Pixels): Pixels {
  if (p.OH > 1 && p.sy === p.OW * p.step && p.grow === p.OW * p.gpix) return merged({ ...p, OW: p.OW * p.OH, OH: 1 })
  if (p.images > 1 && p.OH === 1) return merged({ ...p, images: 1, OH: p.images, sy: p.xi, grow: p.gi, xi: 0, gi: 0 })
  return p
}

/** Emits the gradient of a convolution's weights; `x` stands at the first tap of the first pixel. */
export function weightGradient(
  s: Scheduler,
  node: NodeOf<'convolution'>,
  form: WeightGradientForm,
  x: Access,
  g: Access,
): void {
  const { out, window } = node.attrs
  const [result] = node.results
  const { images, groups, outputs, outHeight: OH, outWidth: OW, kernelHeight: KH, kernelWidth: KW } = form
  const [C, CO] = [form.channels / groups, outputs / groups]
  const bytes = (access: Access, axis: number): number => access.strides[axis]! * 4
  const [across, down] = [window.length, window.length - 1]
  const along = window[across - 1]!
  const rows = window.length === 2 ? window[0]! : undefined
  const pixels = {
    ...{ images, OH, OW, xi: bytes(x, 0), step: along.dilation * bytes(x, across) },
    ...{ sy: rows ? rows.dilation * bytes(x, down) : 0 },
    ...{ gi: bytes(g, 0), grow: rows ? bytes(g, down) : 0, gpix: bytes(g, across) },
  }
  const taps = { KH, KW, xrow: rows ? rows.stride * bytes(x, down) : 0, xcol: along.stride * bytes(x, across) }
  const y = contiguous(s.newBuffer('f32', KH * KW * C * outputs), [...(rows ? [KH] : []), KW, C, outputs])
  const operands = { x: address(x), g: address(g), y: address(y) }
  const macs = images * OH * OW * KH * KW * C * outputs
  const nodes = originOf(node)
  if (C === 1 && CO === 1 && groups > 1) {
    const band = Math.max(1, Math.floor(bandBytes / Math.max(1, pixels.sy + pixels.grow)))
    s.emit(
      call(
        'f32_dwconv_wgrad_3x3',
        { ...operands, ...pixels, ...taps, C: groups, band },
        { holes: { ragged: flag(groups % 4 !== 0) }, macs, nodes },
      ),
    )
  } else {
    const walk = merged(pixels)
    const apart = { xg: C * 4, gg: CO * 4, yg: CO * 4, yk: outputs * 4 }
    s.emit(
      call(
        'f32_wgrad_4x8',
        { ...operands, ...walk, ...taps, ...apart, ...bandFor(s, images * OH * OW, CO), groups, C, CO },
        { holes: { ragged: flag(CO % 8 !== 0) }, macs, nodes },
      ),
    )
  }
  const strides = result!.type.shape.map(() => 0)
  ;[...out.spatial, out.batch, out.feature].forEach((to, i) => (strides[to] = y.strides[i]!))
  s.define(result!, lazyAccess({ ...y, strides }, result!.type))
}

/** Matrices with K rows side by side: xᵀ · g for each batch. Strides are in elements: from batch to batch and from row to row. */
export interface ColumnProduct {
  readonly batches: number
  readonly M: number
  readonly N: number
  readonly K: number
  readonly x: { readonly access: Access; readonly batch: number; readonly step: number }
  readonly g: { readonly access: Access; readonly batch: number; readonly step: number }
  /** Of the result, [batches…, M…, N…]. */
  readonly shape: readonly number[]
}

/** Emits the product of transposed matrices with others, summed over the rows of both; where the result stands. */
export function columnProduct(
  s: Scheduler,
  { batches, M, N, K, x, g, shape }: ColumnProduct,
  nodes: readonly string[],
): Access {
  const y = contiguous(s.newBuffer('f32', batches * M * N), shape)
  const [step, gpix] = [x.step * 4, g.step * 4]
  const args: TemplateArguments<'f32_wgrad_4x8'> = {
    x: address(x.access),
    g: address(g.access),
    y: address(y),
    ...{ ...bandFor(s, K, N), groups: batches, images: 1, OH: 1, OW: K, KH: 1, KW: 1, C: M, CO: N },
    ...{ xg: x.batch * 4, xi: 0, sy: 0, step, xrow: 0, xcol: 0 },
    ...{ gg: g.batch * 4, gi: 0, grow: 0, gpix, yg: M * N * 4, yk: N * 4 },
  }
  s.emit(call('f32_wgrad_4x8', args, { holes: { ragged: flag(N % 8 !== 0) }, macs: batches * M * N * K, nodes }))
  return y
}
