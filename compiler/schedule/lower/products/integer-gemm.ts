import { byteSize } from '../../../core/scalar/dtype.ts'
import { elementCount } from '../../../core/shape.ts'
import type { TensorType } from '../../../core/tensor.ts'
import { channelSums, packedGroup, packIntegers, type PackSource } from '../../kernels/pack.ts'
import { call } from '../../program/call.ts'
import { lazyAccess, type Pending } from '../lazy.ts'
import { inArena, memoryOf, type Access, type Buffer } from '../../program/program.ts'
import type { Scheduler } from '../scheduler.ts'
import { pendingInteger, type IntegerPlacement } from './integer-template.ts'
import type { IntegerWinograd } from './integer-winograd.ts'
import { forEachImage } from './images.ts'
import { sparseIntegerCall, sparseIntegerWeights } from './sparse-integers.ts'
import { address, auxAddress, bandOf, replacing, start, tilePixels } from './template.ts'

const blockChannels = 8
/** Elements of a run that the templates multiply together. */
const depth = 4
/** So few rows leave most of an implicit gemm's tile to repetitions. */
const mostGemvRows = 2
/** Smaller products do not repay a function of their own. */
const leastGemvWeights = 1 << 12

/** Bytes of gathered taps that stay in cache beside the weights of a block. */
const stripBytes = 1 << 15
/** Pixels that repay widening the weights of a block. */
const fewestTogether = 16
/** What widening the last weights may write beyond them, in bytes. */
const halfStep = 32

/** Where the windows of an implicit gemm lie: strides in bytes. */
export interface IntegerGemm {
  readonly type: TensorType
  readonly channels: number
  readonly x: Access & { readonly buffer: { readonly dtype: 'i8' | 'u8' } }
  /** Constant i8: [group][output][kernel rows, columns unless they are part of the run][run]. */
  readonly weights: PackSource
  /** Images, or groups where there are several. */
  readonly images: number
  readonly height: number
  readonly width: number
  readonly image: number
  readonly nextRow: number
  readonly nextPixel: number
  readonly tapDown: number
  readonly tapAcross: number
  /** Where `u8_winograd_i16_3x3` is to be the partner of the relaxed kernel. */
  readonly winograd?: IntegerWinograd | undefined
  /** Strides of a result access, in elements. */
  readonly place: (access: Access) => { readonly image: number; readonly row: number; readonly pixel: number }
}

/** Pixels that `u8_igemm_i16_4x8` gathers at a time, and its scratch: a block's weights as i16, and the pixels' taps. */
function gatherStrip(taps: number, run: number, pixels: number): { strip: number; scratchBytes: number } {
  const pairs = Math.ceil(run / 2) * 4
  const pixelBytes = (taps - 1) * pairs + Math.ceil(run / 8) * 16
  const tile = tilePixels('u8_igemm_i16_4x8')
  const fitting = Math.floor(Math.max(fewestTogether, stripBytes / pixelBytes) / tile) * tile
  const strip = Math.min(Math.ceil(pixels / tile) * tile, fitting)
  return { strip, scratchBytes: taps * pairs * blockChannels + halfStep + strip * pixelBytes }
}

export function integerGemm(s: Scheduler, g: IntegerGemm): Pending {
  const { weights, x } = g
  const groups = elementCount(weights.outer.extents)
  const outputs = weights.channels.extent
  const [rows = 1, columns = 1] = weights.inner.extents
  const run = elementCount(weights.run.extents)
  const packed = packIntegers(s, weights, depth)
  const padded = Math.ceil(outputs / blockChannels) * blockChannels
  const stridesOf = (aux: Access | undefined) => (aux ? g.place(aux) : { image: 0, row: 0, pixel: 0 })
  const options = (p: IntegerPlacement, macs: number, nodes: readonly string[]) => ({
    holes: p.holes,
    ...replacing(p, g.type),
    macs,
    nodes,
  })
  /** What all integer templates are given. */
  const leading = (p: IntegerPlacement, x: Access, write: Access, aux: Access | undefined) => ({
    x: address(x),
    w: start(packed),
    b: start(p.bias),
    c: start(p.vectors),
    table: start(p.table),
    y: address(write),
    aux: auxAddress(aux),
    vectors: p.vectorBytes,
    element: p.element,
    flip: { flip: g.x.buffer.dtype },
  })
  const rowsOnly = (p: IntegerPlacement, nodes: readonly string[]): void => {
    const args = {
      ...leading(p, x, p.write, p.aux),
      M: g.width,
      K: run,
      N: outputs,
      xrow: g.nextPixel,
      yrow: bytesOf(g.place(p.write), p.write).pixel,
      auxrow: bytesOf(stridesOf(p.aux), p.aux).pixel,
    }
    const more = options(p, args.M * args.N * args.K, nodes)
    s.emit(call('u8_gemv_i16_1x16', args, { dot: 'u8_gemv_dot_1x32', ...more }))
  }
  const sparse = sparseIntegerWeights(s, weights, {
    M: g.height * g.width,
    K: rows * columns * run,
    N: outputs,
    kernel: g.winograd ? 'winograd 2' : 'igemm',
  })
  const { strip, scratchBytes } = g.winograd ?? gatherStrip(rows * columns, run, g.height * g.width)
  const emit = (p: IntegerPlacement, nodes: readonly string[]): void => {
    const flat = g.images * groups * g.height * rows * columns === 1
    if (!sparse && flat && g.width <= mostGemvRows && run * outputs >= leastGemvWeights) {
      rowsOnly(p, nodes)
      return
    }
    const y = bytesOf(g.place(p.write), p.write)
    const u = bytesOf(stridesOf(p.aux), p.aux)
    if (sparse) {
      forEachImage(s, g.images, nodes, (at) => {
        const { flip: _, ...more } = leading(p, at({ ...x, strides: [g.image] }), at(p.write), at(p.aux))
        const args = {
          ...more,
          OH: g.height,
          OW: g.width,
          CO: outputs,
          KH: rows,
          KW: columns,
          run,
          sy: g.nextRow,
          step: g.nextPixel,
          xrow: g.tapDown,
          xcol: g.tapAcross,
          yrow: y.row,
          ypix: y.pixel,
          auxrow: u.row,
          auxpix: u.pixel,
        }
        return sparseIntegerCall(s, sparse, args, { holes: p.holes, ...replacing(p, g.type), nodes })
      })
      return
    }
    const { element } = p
    const grouped = groups > 1
    const images = grouped ? g.images : 1
    const from = { ...x, buffer: bufferApart(s, x.buffer, [p.write, ...(p.aux ? [p.aux] : [])]) }
    const scratch = start(s.newBuffer('i8', scratchBytes))
    forEachImage(s, images, nodes, (at) => {
      const args = {
        ...leading(p, at({ ...from, strides: [g.image] }), at(p.write), at(p.aux)),
        groups: grouped ? groups : g.images,
        OH: g.height,
        OW: g.width,
        band: bandOf('u8_igemm_dot_6x8', g.nextPixel),
        CO: outputs,
        KH: rows,
        KW: columns,
        run,
        xg: grouped ? run : g.image,
        sy: g.nextRow,
        step: g.nextPixel,
        xrow: g.tapDown,
        xcol: g.tapAcross,
        wg: grouped ? packedGroup(weights, depth) : 0,
        bg: grouped ? padded * 8 : 0,
        cg: grouped ? (padded / 4) * p.vectorBytes : 0,
        yg: grouped ? outputs * byteSize(p.write.buffer.dtype) : y.image,
        yrow: y.row,
        ypix: y.pixel,
        auxg: grouped ? outputs * element : u.image,
        auxrow: u.row,
        auxpix: u.pixel,
        scratch,
        strip,
      }
      const macs = (g.images / images) * g.height * g.width * groups * outputs * rows * columns * run
      const template = g.winograd ? 'u8_winograd_i16_3x3' : 'u8_igemm_i16_4x8'
      return call(template, args, { dot: 'u8_igemm_dot_6x8', ...options(p, macs, nodes) })
    })
  }
  const site = {
    type: g.type,
    channels: g.channels,
    groups,
    dtype: x.buffer.dtype,
    ...channelSums(weights),
    emit,
  }
  return pendingInteger(s, site)
}

/** What may be flipped while others are read and written: the buffer, or a copy of one that has to stay as it is. */
function bufferApart<B extends Buffer>(s: Scheduler, buffer: B, others: readonly Access[]): B {
  if (inArena(buffer) && others.every((other) => memoryOf(other.buffer) !== memoryOf(buffer))) return buffer
  const copy = { ...s.newBuffer(buffer.dtype, buffer.length), dtype: buffer.dtype }
  const all = { offset: 0, strides: [1] }
  s.materialize(lazyAccess({ buffer, ...all }, { dtype: buffer.dtype, shape: [buffer.length] }), {
    buffer: copy,
    ...all,
  })
  return copy as B
}

function bytesOf(strides: { image: number; row: number; pixel: number }, access: Access | undefined) {
  const size = access ? byteSize(access.buffer.dtype) : 0
  return { image: strides.image * size, row: strides.row * size, pixel: strides.pixel * size }
}
