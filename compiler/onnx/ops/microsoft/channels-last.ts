import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import { range } from '../../shared/axes.ts'
import { poolWindows, withoutPooling } from '../../shared/nn/window.ts'
import { quantizedConvolution } from '../quantization/integer-products.ts'
import { convolvedAndActivated } from './fused.ts'

const channelsSecond = (c: OpContext, x: Value): Value => {
  const last = x.type.shape.length - 1
  return c.b.transpose(x, [0, last, ...range(1, last)])
}

/** `lower` of input 0 with its channels on axis 1 and not the last; the result has them last again. */
function channelsLast(c: OpContext, lower: (x: Value) => Value): Value[] {
  c.check(c.input(0).type.shape.length >= 3, `the input has ${c.input(0).type.shape.length} axes`)
  const result = lower(channelsSecond(c, c.input(0)))
  return [c.b.transpose(result, [0, ...range(2, result.type.shape.length), 1])]
}

const convolution: Operator = {
  lower: (c) => channelsLast(c, (x) => convolvedAndActivated(c, x, (addend) => channelsSecond(c, addend))),
}

/** onnxruntime's operators whose channels are the last axis; kernels of convolutions are as ONNX has them (ContribOperators.md). */
export const channelsLastOperators: Readonly<Record<string, Operator>> = {
  'com.microsoft.NhwcConv': convolution,
  'com.microsoft.NhwcFusedConv': convolution,
  'com.microsoft.NhwcMaxPool': {
    lower: (c) => channelsLast(c, (x) => c.b.reduceWindow('max', x, withoutPooling(poolWindows(c, x).axes))),
  },
  'com.microsoft.QLinearConv': {
    lower: (c) =>
      c.int('channels_last', 0) === 0
        ? [quantizedConvolution(c, c.input(0))]
        : channelsLast(c, (x) => quantizedConvolution(c, x)),
  },
}
