import type { NodeOf } from '../../core/graph.ts'
import type { Access } from '../program/program.ts'
import type { ConvolutionForm } from './convolution-form.ts'
import { noAxes, type PackSource } from './pack.ts'

type Convolution = NodeOf<'convolution'>

/** Strides of kernel rows and columns. */
function tapStrides({ attrs: { rhs } }: Convolution, { strides }: Access): readonly [number, number] {
  const spatial = rhs.spatial.map((axis) => strides[axis]!)
  return [spatial.length === 2 ? spatial[0]! : 0, spatial[spatial.length - 1]!]
}

/**
 * The weights of a convolution in blocks of eight outputs. A run is the last `runAxes` of kernel rows, kernel columns and
 * inputs.
 */
export function convolutionWeights(
  node: Convolution,
  { groups, outputs, channels, kernelHeight, kernelWidth }: ConvolutionForm,
  access: Access,
  runAxes = 3,
): PackSource {
  const { rhs } = node.attrs
  const stride = access.strides[rhs.output]!
  const extents = [kernelHeight, kernelWidth, channels / groups]
  const strides = [...tapStrides(node, access), access.strides[rhs.input]!]
  const extent = outputs / groups
  return {
    access,
    outer: { extents: [groups], strides: [extent * stride] },
    channels: { extent, stride, width: 8 },
    inner: { extents: extents.slice(0, -runAxes), strides: strides.slice(0, -runAxes) },
    run: { extents: extents.slice(-runAxes), strides: strides.slice(-runAxes) },
  }
}

function depthwise(node: Convolution, { channels }: ConvolutionForm, access: Access, width: number) {
  const stride = access.strides[node.attrs.rhs.output]!
  return { access, outer: noAxes, channels: { extent: channels, stride, width } }
}

/** The weights of a depthwise convolution in blocks of four channels. A run is kernel rows and columns. */
export const depthwiseWeights = (node: Convolution, form: ConvolutionForm, access: Access): PackSource => ({
  ...depthwise(node, form, access, 4),
  inner: noAxes,
  run: { extents: [form.kernelHeight, form.kernelWidth], strides: tapStrides(node, access) },
})

/** The same in blocks of eight channels. A run is a kernel column's rows. */
export function depthwiseColumns(node: Convolution, form: ConvolutionForm, access: Access): PackSource {
  const [down, across] = tapStrides(node, access)
  return {
    ...depthwise(node, form, access, 8),
    inner: { extents: [form.kernelWidth], strides: [across] },
    run: { extents: [form.kernelHeight], strides: [down] },
  }
}
