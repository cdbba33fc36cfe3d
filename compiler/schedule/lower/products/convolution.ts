import { binary, convert } from '../../../core/scalar/expr.ts'
import type { NodeOf } from '../../../core/graph.ts'
import { accumulatorOf } from '../../../core/ops/dot-general.ts'
import type { WindowAxis } from '../../../core/ops/window.ts'
import { convolutionBorder, emptyBorder } from '../../memory/border.ts'
import { channelsLastForm, type ConvolutionForm } from '../../kernels/convolution-form.ts'
import { convolutionWeights, depthwiseWeights } from '../../kernels/convolution-weights.ts'
import { elementCount } from '../../../core/shape.ts'
import { weightGradientForm } from '../../kernels/weight-gradient-form.ts'
import { call, type CallOptions, type TemplateArguments } from '../../program/call.ts'
import { lazyPending, type Pending } from '../lazy.ts'
import { pack, packedGroup } from '../../kernels/pack.ts'
import { phasesOf } from '../../kernels/phases.ts'
import { sparseBlock } from '../../kernels/sparse.ts'
import type { Access, TemplateKernel } from '../../program/program.ts'
import { gemvCall, igemmCall } from './float-product.ts'
import { forEachImage } from './images.ts'
import { originOf, type Scheduler } from '../scheduler.ts'
import { integerConvolution, integerDepthwise } from './integer-convolution.ts'
import { factor, paddedCopy, pendingProductSum } from '../reduce.ts'
import { sparseWeights, spmmCall, spmvCall } from './sparse.ts'
import { dequantizePacked, expandWeights, prefersGemv, packQuantized, quantizedWeights } from './quantized-weights.ts'
import {
  bandOf,
  floatBandOf,
  largestWeights,
  pendingTemplate,
  placed,
  replacing,
  start,
  wideBandBytes,
  type Placement,
} from './template.ts'
import { transposedConvolution } from './transposed-convolution.ts'
import { weightGradient } from './weight-gradient.ts'
import { winograd, winogradTile } from './winograd.ts'

type Convolution = NodeOf<'convolution'>

export function convolution(s: Scheduler, node: Convolution): void {
  const gradient = weightGradientForm(node)
  if (gradient) {
    const g = node.operands[1]!
    return weightGradient(s, node, gradient, input(s, node), s.forceBordered(g, emptyBorder(g.type.shape.length)))
  }
  const form = channelsLastForm(node)
  if (!form) return direct(s, node)
  const phases = phasesOf(node)
  if (phases) return transposedConvolution(s, node, phases, convolution)
  const depthwise = form.groups > 1 && form.groups === form.channels && form.outputs === form.channels
  if (node.results[0]!.type.dtype === 'i32') {
    const lower = depthwise ? integerDepthwise : integerConvolution
    lower(s, node, form, input(s, node))
  } else if (depthwise) depthwiseTemplate(s, node, form)
  else implicitGemm(s, node, form)
}

/** The input with all its padding in memory, offset to the first tap of the first window. */
function input(s: Scheduler, node: Convolution): Access {
  const { window, lhs } = node.attrs
  const x = node.operands[0]!
  const axes = x.type.shape.map((_, i): WindowAxis => {
    const spatial = lhs.spatial.indexOf(i)
    return spatial < 0 ? { size: 1, stride: 1, dilation: 1, low: 0, high: 0, baseDilation: 1 } : window[spatial]!
  })
  if ((channelsLastForm(node) ?? weightGradientForm(node)) && window.every((w) => w.baseDilation === 1)) {
    const access = s.forceBordered(x, convolutionBorder(node.attrs))
    const first = window.reduce((sum, w, i) => sum - w.low * access.strides[i + 1]!, 0)
    return { ...access, offset: access.offset + first }
  }
  const padded = axes.some((w) => w.low !== 0 || w.high !== 0 || w.baseDilation > 1)
  return padded ? paddedCopy(s, s.readable(x), axes, node.attrs.padValue ?? 0) : s.force(x)
}

/** Strides of a channels-last access in bytes: image, row, pixel. */
function strides(access: Access | undefined): { image: number; row: number; pixel: number } {
  if (!access) return { image: 0, row: 0, pixel: 0 }
  const rank = access.strides.length
  return {
    image: access.strides[0]! * 4,
    row: rank === 4 ? access.strides[1]! * 4 : 0,
    pixel: access.strides[rank - 2]! * 4,
  }
}

function taps(node: Convolution, x: { row: number; pixel: number }) {
  const { window } = node.attrs
  const across = window[window.length - 1]!
  const down = window.length === 2 ? window[0]! : undefined
  return {
    nextRow: (down?.stride ?? 0) * x.row,
    nextPixel: across.stride * x.pixel,
    tapDown: (down?.dilation ?? 0) * x.row,
    tapAcross: across.dilation * x.pixel,
  }
}

function implicitGemm(s: Scheduler, node: Convolution, form: ConvolutionForm): void {
  const { rhs } = node.attrs
  const x = input(s, node)
  const stored = quantizedWeights(s, node.operands[1]!, rhs.output)
  const w = stored?.access ?? s.force(node.operands[1]!)
  const perGroup = form.channels / form.groups
  const outputs = form.outputs / form.groups
  const source = convolutionWeights(node, form, w)
  const xs = strides(x)
  const tap = taps(node, xs)
  // Taps of a row that lie side by side in memory are one run.
  const joined = form.groups === 1 && tap.tapAcross === form.channels * 4
  // Whatever a pixel needs is one run: a row of a matrix.
  const flat = form.groups === 1 && form.kernelHeight === 1 && (joined || form.kernelWidth === 1)
  const line = flat && (form.outHeight === 1 || form.outWidth === 1)
  const rows = line ? form.outHeight * form.outWidth : Infinity
  const isGemv = prefersGemv(s, stored, rows, outputs, form.kernelWidth * perGroup) && line
  const tile = winogradTile(node, form)
  const sparse = stored
    ? undefined
    : sparseWeights(s, source, {
        M: form.outHeight * form.outWidth,
        N: outputs,
        K: elementCount(source.run.extents),
        kernel: tile ? `winograd ${tile}` : isGemv ? 'gemv' : 'igemm',
        flat: line,
      })
  const quantized = stored && packQuantized(s, stored, source, isGemv)
  const weights = quantized?.weights ?? (sparse ? sparse.buffers.values : pack(s, source, originOf(node)))
  const groupBytes = quantized?.groupBytes ?? packedGroup(source) * 4
  const emit = (placement: Placement, nodes: readonly string[]): void => {
    const { write, aux, holes } = placement
    const ys = strides(write)
    const us = strides(aux)
    const replaces = replacing(placement, node.results[0]!.type)
    if (sparse && !sparse.vectors) {
      forEachImage(s, form.batch, nodes, (at) => {
        const args = {
          ...placed(placement, x, start(weights), at),
          OH: form.outHeight,
          OW: form.outWidth,
          CO: outputs,
          KH: form.kernelHeight,
          KW: joined ? 1 : form.kernelWidth,
          run: joined ? form.kernelWidth * perGroup : perGroup,
          sy: tap.nextRow,
          step: tap.nextPixel,
          xrow: tap.tapDown,
          xcol: tap.tapAcross,
          yrow: ys.row,
          ypix: ys.pixel,
          auxrow: us.row,
          auxpix: us.pixel,
        }
        return spmmCall(s, sparse, args, { holes, ...replaces, nodes })
      })
      return
    }
    if (tile && !sparse) {
      const floats = quantized ? expandWeights(s, quantized, nodes) : weights
      winograd(s, node, form, tile, { x, weights: floats }, { x: xs, y: ys, aux: us }, placement, nodes)
      return
    }
    if (sparse ?? isGemv) {
      const [xrow, yrow, auxrow] =
        form.outWidth > 1 ? [tap.nextPixel, ys.pixel, us.pixel] : [tap.nextRow, ys.row, us.row]
      forEachImage(s, form.batch, nodes, (at) => {
        const args = {
          ...placed(placement, x, start(weights), at),
          M: form.outHeight * form.outWidth,
          K: form.kernelWidth * perGroup,
          N: outputs,
          xrow,
          yrow,
          auxrow,
        }
        if (sparse) return spmvCall(s, sparse, args, { holes, ...replaces, nodes })
        return gemvCall(args, quantized, { holes, ...replaces, macs: args.M * args.K * args.N, nodes })
      })
      return
    }
    const images = form.groups === 1 ? 1 : form.batch
    const repeats = form.groups === 1 ? form.batch : form.groups
    const grouped = form.groups > 1
    const macs =
      (form.batch / images) * form.outHeight * form.outWidth * form.outputs * elementCount(source.run.extents)
    forEachImage(s, images, nodes, (at) => {
      const args = {
        ...placed(placement, x, start(weights), at),
        groups: repeats,
        OH: form.outHeight,
        OW: form.outWidth,
        band: quantized
          ? bandOf('f32_qcw_igemm_4x8', tap.nextPixel, wideBandBytes)
          : floatBandOf(tap.nextPixel, outputs * elementCount(source.run.extents)),
        CO: outputs,
        KH: form.kernelHeight,
        KW: joined ? 1 : form.kernelWidth,
        run: joined ? form.kernelWidth * perGroup : perGroup,
        xg: grouped ? perGroup * 4 : xs.image,
        sy: tap.nextRow,
        step: tap.nextPixel,
        xrow: tap.tapDown,
        xcol: tap.tapAcross,
        wg: grouped ? groupBytes : 0,
        bg: grouped ? Math.ceil(outputs / 8) * 32 : 0,
        yg: grouped ? outputs * 4 : ys.image,
        yrow: ys.row,
        ypix: ys.pixel,
        auxg: grouped ? (aux ? outputs * 4 : 0) : us.image,
        auxrow: us.row,
        auxpix: us.pixel,
      }
      return igemmCall(s, args, quantized, { holes, ...replaces, macs, nodes })
    })
  }
  const [result] = node.results
  const sizes = { channels: form.outputs, block: sparse ? sparseBlock : 8, groups: form.groups }
  const site = { type: result!.type, ...sizes, weights: largestWeights(node.operands[1]!, rhs.output), emit }
  s.define(result!, lazyPending(pendingTemplate(s, site), originOf(node)))
}

/** A call of the depthwise kernel that loads least: pixels that stand one or two taps apart share what they read. */
function depthwiseCall(
  { kernelHeight: KH, kernelWidth: KW, outHeight, outWidth }: ConvolutionForm,
  { nextRow, nextPixel, tapDown, tapAcross }: ReturnType<typeof taps>,
  args: TemplateArguments<'f32_dwconv_3x3'>,
  options: Pick<CallOptions<'f32_dwconv'>, 'holes' | 'macs' | 'nodes'>,
): TemplateKernel {
  const three = KH === 3 && KW === 3
  if (three && nextPixel === tapAcross) return call('f32_dwconv_3x3', args, options)
  if (three && nextPixel === 2 * tapAcross) return call('f32_dwconv_3x3s2', args, options)
  if (nextPixel === tapAcross && KW > 1 && outWidth >= 4) {
    const pairs = nextRow === tapDown && KH > 1 && outHeight >= 2
    return call(pairs ? 'f32_dwconv_2x4' : 'f32_dwconv_s1', { ...args, KH, KW }, options)
  }
  return call('f32_dwconv', { ...args, KH, KW, step: nextPixel }, options)
}

function depthwiseTemplate(s: Scheduler, node: Convolution, form: ConvolutionForm): void {
  const { rhs } = node.attrs
  const x = input(s, node)
  const stored = quantizedWeights(s, node.operands[1]!, rhs.output)
  const w = stored?.access ?? s.force(node.operands[1]!)
  const source = depthwiseWeights(node, form, w)
  const weights = stored ? dequantizePacked(s, stored, source, originOf(node)) : pack(s, source, originOf(node))
  const xs = strides(x)
  const tap = taps(node, xs)
  const emit = (placement: Placement, nodes: readonly string[]): void => {
    const { write, aux, holes } = placement
    const ys = strides(write)
    const us = strides(aux)
    forEachImage(s, form.batch, nodes, (at) => {
      const args = {
        ...placed(placement, x, start(weights), at),
        OH: form.outHeight,
        OW: form.outWidth,
        C: form.channels,
        sy: tap.nextRow,
        xrow: tap.tapDown,
        xcol: tap.tapAcross,
        yrow: ys.row,
        ypix: ys.pixel,
        auxrow: us.row,
        auxpix: us.pixel,
      }
      const macs = form.outHeight * form.outWidth * form.channels * form.kernelHeight * form.kernelWidth
      return depthwiseCall(form, tap, args, { holes, macs, nodes })
    })
  }
  const [result] = node.results
  const sizes = { channels: form.channels, block: 4, groups: 1 }
  const site = { type: result!.type, ...sizes, weights: largestWeights(node.operands[1]!, rhs.output), emit }
  s.define(result!, lazyPending(pendingTemplate(s, site), originOf(node)))
}

/** Any convolution as a loop nest: over the result's axes, then kernel positions and channels. */
function direct(s: Scheduler, node: Convolution): void {
  const { lhs, rhs, out, window, batchGroups = 1 } = node.attrs
  const groups = node.attrs.groups * batchGroups
  const [result] = node.results
  const x = input(s, node)
  const w = s.force(node.operands[1]!)
  const { shape, dtype } = result!.type
  const inputs = node.operands[1]!.type.shape[rhs.input]!
  const perGroup = node.operands[1]!.type.shape[rhs.output]! / groups
  // The feature axis of the result is split into group and output within the group.
  const split = [...shape.slice(0, out.feature), groups, perGroup, ...shape.slice(out.feature + 1)]
  const place = (axis: number): number => (axis > out.feature ? axis + 1 : axis)
  const xStrides = split.map(() => 0)
  const wStrides = split.map(() => 0)
  xStrides[place(out.batch)] = x.strides[lhs.batch]!
  xStrides[out.feature] = batchGroups > 1 ? shape[out.batch]! * x.strides[lhs.batch]! : inputs * x.strides[lhs.feature]!
  wStrides[out.feature] = perGroup * w.strides[rhs.output]!
  wStrides[out.feature + 1] = w.strides[rhs.output]!
  out.spatial.forEach((axis, i) => {
    xStrides[place(axis)] = window[i]!.stride * x.strides[lhs.spatial[i]!]!
  })
  const tapsOfX = window.map((axis, i) => axis.dilation * x.strides[lhs.spatial[i]!]!)
  const a: Access = { ...x, strides: [...xStrides, ...tapsOfX, x.strides[lhs.feature]!] }
  const b: Access = {
    ...w,
    strides: [...wStrides, ...rhs.spatial.map((axis) => w.strides[axis]!), w.strides[rhs.input]!],
  }
  const acc = accumulatorOf(dtype)
  const product = binary('mul', convert(factor(0, x), acc), convert(factor(1, w), acc))
  const pending = pendingProductSum(
    s,
    { dtype, shape: split },
    [...window.map((axis) => axis.size), inputs],
    a,
    b,
    product,
  )
  const merge = (access: Access): Access => ({
    ...access,
    strides: split.map((_, i) =>
      i === out.feature ? perGroup * access.strides[out.feature]! : access.strides[i > out.feature ? i - 1 : i]!,
    ),
  })
  const merged: Pending = {
    type: result!.type,
    emit: (post, write, nodes) => pending.emit({ expr: post.expr, reads: post.reads.map(merge) }, merge(write), nodes),
  }
  s.define(result!, lazyPending(merged, originOf(node)))
}
