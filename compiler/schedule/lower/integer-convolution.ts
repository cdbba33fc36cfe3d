import type { NodeOf } from '../../core/graph.ts'
import { byteSize } from '../../core/dtype.ts'
import type { ConvolutionForm } from '../convolution-form.ts'
import { lazyPending } from '../lazy.ts'
import type { Access } from '../program.ts'
import { originOf, type Scheduler } from '../scheduler.ts'
import { integerGemm, type IntegerGemm } from './integer-gemm.ts'

/** A channels-last convolution of 8-bit activations, bordered as `x` is, with constant i8 weights. */
export function integerConvolution(s: Scheduler, node: NodeOf<'convolution'>, form: ConvolutionForm, x: Access): void {
  const { rhs, window } = node.attrs
  const w = s.force(node.operands[1]!)
  const size = byteSize(x.buffer.dtype)
  const two = window.length === 2
  const across = window[window.length - 1]!
  const down = two ? window[0]! : undefined
  const place = (access: Access): { image: number; row: number; pixel: number } => ({
    image: access.strides[0]!,
    row: two ? access.strides[1]! : 0,
    pixel: access.strides[access.strides.length - 2]!,
  })
  const at = place(x)
  const inputs = form.channels / form.groups
  const outputs = form.outputs / form.groups
  const spatial = rhs.spatial.map((axis) => w.strides[axis]!)
  const tapAcross = across.dilation * at.pixel * size
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
      joined: form.groups === 1 && tapAcross === form.channels * size,
    },
    images: form.batch,
    height: form.outHeight,
    width: form.outWidth,
    image: at.image * size,
    nextRow: (down?.stride ?? 0) * at.row * size,
    nextPixel: across.stride * at.pixel * size,
    tapDown: (down?.dilation ?? 0) * at.row * size,
    tapAcross,
    place,
  }
  s.define(node.results[0]!, lazyPending(integerGemm(s, gemm), originOf(node)))
}
