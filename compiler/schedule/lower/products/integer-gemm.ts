import { byteSize } from '../../../core/dtype.ts'
import type { TensorType } from '../../../core/tensor.ts'
import { call } from '../../program/call.ts'
import { lazyAccess, type Pending } from '../lazy.ts'
import { constantBytes, inArena, memoryOf, type Access, type Buffer } from '../../program/program.ts'
import type { Scheduler } from '../scheduler.ts'
import { pendingInteger, type IntegerPlacement } from './integer-template.ts'
import type { IntegerWinograd } from './integer-winograd.ts'
import { forEachImage } from './images.ts'
import { address, auxAddress, bandOf, replacing, start, tilePixels } from './template.ts'

/** Constant i8 weights as [group][output][taps…][input], in elements of their buffer. */
interface IntegerWeights {
  readonly access: Access
  readonly groups: number
  readonly outputs: number
  readonly outputStride: number
  readonly groupStride: number
  /** Extents and strides of kernel rows, kernel columns and inputs. */
  readonly extents: readonly [number, number, number]
  readonly strides: readonly [number, number, number]
  /** Whether columns and inputs lie side by side under a tap: they are one run then. */
  readonly joined: boolean
}

const blockChannels = 8
const runStep = 4
/** So few rows leave most of an igemm's tile to repetitions. */
const mostGemvRows = 2
/** Smaller products do not repay a function of their own. */
const leastGemvWeights = 1 << 12

/** Bytes of gathered taps that stay in cache beside the weights of a block. */
const stripBytes = 1 << 15
/** Pixels that repay widening the weights of a block. */
const fewestTogether = 16
/** What widening the last weights may write beyond them, in bytes. */
const halfStep = 32

interface Packed {
  readonly buffer: Buffer
  readonly groupBytes: number
  /** Σ of each output channel's weights. */
  readonly sums: readonly number[]
  /** The largest Σ of their magnitudes. */
  readonly most: number
}

/** [group][outputs / 8][rows][columns][run / 4][8][4], padded with zeros. */
function packIntegerWeights(s: Scheduler, w: IntegerWeights): Packed {
  const [rows, columns, inputs] = w.extents
  const run = w.joined ? columns * inputs : inputs
  const walks = w.joined ? 1 : columns
  const steps = Math.ceil(run / runStep)
  const blocks = Math.ceil(w.outputs / blockChannels)
  const groupBytes = blocks * rows * walks * steps * blockChannels * runStep
  const packed = new Int8Array(w.groups * groupBytes)
  const from = new Int8Array(new Uint8Array(constantBytes(w.access.buffer)!).buffer)
  const sums = new Array<number>(w.groups * w.outputs).fill(0)
  const magnitudes = [...sums]
  let at = 0
  for (let g = 0; g < w.groups; g++) {
    for (let block = 0; block < blocks; block++) {
      for (let row = 0; row < rows; row++) {
        for (let walk = 0; walk < walks; walk++) {
          for (let step = 0; step < steps; step++) {
            for (let lane = 0; lane < blockChannels * runStep; lane++, at++) {
              const output = block * blockChannels + Math.floor(lane / runStep)
              const k = step * runStep + (lane % runStep)
              if (output >= w.outputs || k >= run) continue
              const column = w.joined ? Math.floor(k / inputs) : walk
              const [down, across, along] = w.strides
              const offset = w.access.offset + g * w.groupStride + output * w.outputStride
              packed[at] = from[offset + row * down + column * across + (k % inputs) * along]!
              sums[g * w.outputs + output]! += packed[at]!
              magnitudes[g * w.outputs + output]! += Math.abs(packed[at]!)
            }
          }
        }
      }
    }
  }
  return {
    buffer: s.constantBuffer('i8', new Uint8Array(packed.buffer)),
    groupBytes,
    sums,
    most: Math.max(...magnitudes),
  }
}

/** Where the windows of an implicit gemm lie: strides in bytes. */
export interface IntegerGemm {
  readonly type: TensorType
  readonly channels: number
  readonly x: Access & { readonly buffer: { readonly dtype: 'i8' | 'u8' } }
  readonly weights: IntegerWeights
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
  const { groups, outputs, joined } = weights
  const [rows, columns, inputs] = weights.extents
  const packed = packIntegerWeights(s, weights)
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
    w: start(packed.buffer),
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
      K: inputs,
      N: outputs,
      xrow: g.nextPixel,
      yrow: bytesOf(g.place(p.write), p.write).pixel,
      auxrow: bytesOf(stridesOf(p.aux), p.aux).pixel,
    }
    const more = options(p, args.M * args.N * args.K, nodes)
    s.emit(call('u8_gemv_i16_1x16', args, { dot: 'u8_gemv_dot_1x32', ...more }))
  }
  const run = joined ? columns * inputs : inputs
  const { strip, scratchBytes } = g.winograd ?? gatherStrip(joined ? rows : rows * columns, run, g.height * g.width)
  const emit = (p: IntegerPlacement, nodes: readonly string[]): void => {
    const flat = g.images * groups * g.height * rows * columns === 1
    if (flat && g.width <= mostGemvRows && inputs * outputs >= leastGemvWeights) {
      rowsOnly(p, nodes)
      return
    }
    const y = bytesOf(g.place(p.write), p.write)
    const u = bytesOf(stridesOf(p.aux), p.aux)
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
        KW: joined ? 1 : columns,
        run,
        xg: grouped ? inputs : g.image,
        sy: g.nextRow,
        step: g.nextPixel,
        xrow: g.tapDown,
        xcol: g.tapAcross,
        wg: grouped ? packed.groupBytes : 0,
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
      const macs = (g.images / images) * g.height * g.width * groups * outputs * rows * columns * inputs
      const template = g.winograd ? 'u8_winograd_i16_3x3' : 'u8_igemm_i16_4x8'
      return call(template, args, { dot: 'u8_igemm_dot_6x8', ...options(p, macs, nodes) })
    })
  }
  const site = {
    type: g.type,
    channels: g.channels,
    groups,
    dtype: x.buffer.dtype,
    sums: packed.sums,
    most: packed.most,
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
