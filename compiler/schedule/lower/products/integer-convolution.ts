import type { NodeOf } from '../../../core/graph.ts'
import { byteSize } from '../../../core/scalar/dtype.ts'
import { call } from '../../program/call.ts'
import type { ConvolutionForm } from '../../kernels/convolution-form.ts'
import { convolutionWeights, depthwiseColumns } from '../../kernels/convolution-weights.ts'
import { channelSums, packIntegers } from '../../kernels/pack.ts'
import { lazyPending } from '../lazy.ts'
import type { Access } from '../../program/program.ts'
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
  const w = s.force(node.operands[1]!)
  const at = distances(node, x)
  // Taps of a row that lie side by side in memory are one run.
  const joined = form.groups === 1 && at.tapAcross === form.channels
  const gemm: IntegerGemm = {
    type: node.results[0]!.type,
    channels: form.outputs,
    x: x as IntegerGemm['x'],
    weights: convolutionWeights(node, form, w, joined ? 2 : 1),
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

/** Kernel rows of a channel that `u8_dwconv_i16` multiplies together. */
const depthwiseDepth = 4

/** The same where each channel has a kernel of its own. */
export function integerDepthwise(s: Scheduler, node: NodeOf<'convolution'>, form: ConvolutionForm, x: Access): void {
  const source = depthwiseColumns(node, form, s.force(node.operands[1]!))
  const buffer = packIntegers(s, source, depthwiseDepth)
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
    ...channelSums(source),
    emit,
  }
  s.define(result!, lazyPending(pendingInteger(s, site), originOf(node)))
}
