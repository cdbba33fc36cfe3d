import type { NodeOf } from '../../../core/graph.ts'
import { byteSize } from '../../../core/dtype.ts'
import { call } from '../../program/call.ts'
import type { ConvolutionForm } from '../../kernels/convolution-form.ts'
import { lazyPending } from '../lazy.ts'
import { constantBytes, type Access, type Buffer } from '../../program/program.ts'
import { originOf, type Scheduler } from '../scheduler.ts'
import { integerGemm, type IntegerGemm } from './integer-gemm.ts'
import { pendingInteger, type IntegerPlacement } from './integer-template.ts'
import { integerWinograd } from './integer-winograd.ts'
import { forEachImage } from './images.ts'
import { address, auxAddress, replacing, start } from './template.ts'

/** Strides of a channels-last access, in elements. */
const place = (access: Access): { image: number; row: number; pixel: number } => ({
  image: access.strides[0]!,
  row: access.strides.length === 4 ? access.strides[1]! : 0,
  pixel: access.strides[access.strides.length - 2]!,
})

/** Distances of pixels and taps in x, whose elements are bytes. */
function distances(node: NodeOf<'convolution'>, x: Access) {
  const { window } = node.attrs
  const { row, pixel } = place(x)
  const across = window[window.length - 1]!
  const down = window.length === 2 ? window[0]! : undefined
  return {
    nextRow: (down?.stride ?? 0) * row,
    nextPixel: across.stride * pixel,
    tapDown: (down?.dilation ?? 0) * row,
    tapAcross: across.dilation * pixel,
  }
}

/** A channels-last convolution of 8-bit activations, bordered as `x` is, with constant i8 weights. */
export function integerConvolution(s: Scheduler, node: NodeOf<'convolution'>, form: ConvolutionForm, x: Access): void {
  const { rhs, window } = node.attrs
  const w = s.force(node.operands[1]!)
  const two = window.length === 2
  const at = distances(node, x)
  const inputs = form.channels / form.groups
  const outputs = form.outputs / form.groups
  const spatial = rhs.spatial.map((axis) => w.strides[axis]!)
  const gemm: IntegerGemm = {
    type: node.results[0]!.type,
    channels: form.outputs,
    x: x as IntegerGemm['x'],
    weights: {
      access: w,
      groups: form.groups,
      outputs,
      outputStride: w.strides[rhs.output]!,
      groupStride: outputs * w.strides[rhs.output]!,
      extents: [form.kernelHeight, form.kernelWidth, inputs],
      strides: [two ? spatial[0]! : 0, spatial[spatial.length - 1]!, w.strides[rhs.input]!],
      joined: form.groups === 1 && at.tapAcross === form.channels,
    },
    images: form.batch,
    height: form.outHeight,
    width: form.outWidth,
    image: place(x).image,
    ...at,
    winograd: integerWinograd(node, form),
    place,
  }
  s.define(node.results[0]!, lazyPending(integerGemm(s, gemm), originOf(node)))
}

const rowsTogether = 4
const channelsTogether = 8

/** [channels / 8][columns][rows / 4][8][4 rows], padded with zeros, and Σ of each channel's weights. */
function packDepthwise(
  s: Scheduler,
  node: NodeOf<'convolution'>,
  form: ConvolutionForm,
): { buffer: Buffer; sums: number[]; most: number } {
  const { rhs } = node.attrs
  const w = s.force(node.operands[1]!)
  const from = new Int8Array(new Uint8Array(constantBytes(w.buffer)!).buffer)
  const spatial = rhs.spatial.map((axis) => w.strides[axis]!)
  const down = spatial.length === 2 ? spatial[0]! : 0
  const across = spatial[spatial.length - 1]!
  const blocks = Math.ceil(form.channels / channelsTogether)
  const bands = Math.ceil(form.kernelHeight / rowsTogether)
  const packed = new Int8Array(blocks * form.kernelWidth * bands * channelsTogether * rowsTogether)
  const sums = new Array<number>(form.channels).fill(0)
  const magnitudes = [...sums]
  let at = 0
  for (let block = 0; block < blocks; block++) {
    for (let column = 0; column < form.kernelWidth; column++) {
      for (let band = 0; band < bands; band++) {
        for (let lane = 0; lane < channelsTogether * rowsTogether; lane++, at++) {
          const channel = block * channelsTogether + Math.floor(lane / rowsTogether)
          const row = band * rowsTogether + (lane % rowsTogether)
          if (channel >= form.channels || row >= form.kernelHeight) continue
          packed[at] = from[w.offset + channel * w.strides[rhs.output]! + row * down + column * across]!
          sums[channel]! += packed[at]!
          magnitudes[channel]! += Math.abs(packed[at]!)
        }
      }
    }
  }
  return { buffer: s.constantBuffer('i8', new Uint8Array(packed.buffer)), sums, most: Math.max(...magnitudes) }
}

/** The same where each channel has a kernel of its own. */
export function integerDepthwise(s: Scheduler, node: NodeOf<'convolution'>, form: ConvolutionForm, x: Access): void {
  const { buffer, sums, most } = packDepthwise(s, node, form)
  const taps = distances(node, x)
  const steps = taps.nextPixel / taps.tapAcross
  const three = form.kernelHeight === 3 && form.kernelWidth === 3 && (steps === 1 || steps === 2)
  const emit = (p: IntegerPlacement, nodes: readonly string[]): void => {
    const y = place(p.write)
    const u = p.aux ? place(p.aux) : { image: 0, row: 0, pixel: 0 }
    const [size, auxSize] = [byteSize(p.write.buffer.dtype), p.aux ? byteSize(p.aux.buffer.dtype) : 0]
    const scratch = start(s.newBuffer('i8', buffer.length * 2))
    forEachImage(s, form.batch, nodes, (at) => {
      const args = {
        x: address(at(x)),
        w: start(buffer),
        b: start(p.bias),
        c: start(p.vectors),
        table: start(p.table),
        y: address(at(p.write)),
        aux: auxAddress(at(p.aux)),
        OH: form.outHeight,
        OW: form.outWidth,
        C: form.channels,
        KH: form.kernelHeight,
        KW: form.kernelWidth,
        vectors: p.vectorBytes,
        element: p.element,
        sy: taps.nextRow,
        step: taps.nextPixel,
        xrow: taps.tapDown,
        xcol: taps.tapAcross,
        yrow: y.row * size,
        ypix: y.pixel * size,
        auxrow: u.row * auxSize,
        auxpix: u.pixel * auxSize,
        flip: { flip: x.buffer.dtype as 'i8' | 'u8' },
        scratch,
      }
      const macs = form.outHeight * form.outWidth * form.channels * form.kernelHeight * form.kernelWidth
      const options = { holes: p.holes, ...replacing(p, node.results[0]!.type), macs, nodes }
      return three
        ? call('u8_dwconv_i16_3x3', args, { dot: 'u8_dwconv_dot_3x3', ...options })
        : call('u8_dwconv_i16', args, options)
    })
  }
  const [result] = node.results
  const site = {
    type: result!.type,
    channels: form.channels,
    groups: 1,
    dtype: x.buffer.dtype as 'i8' | 'u8',
    sums,
    most,
    emit,
  }
  s.define(result!, lazyPending(pendingInteger(s, site), originOf(node)))
}
