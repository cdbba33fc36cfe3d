import { isFloat, byteSize } from '../../../core/scalar/dtype.ts'
import { activationList } from '../../../core/ops/convolution.ts'
import { trivialWindow, type WindowAxis } from '../../../core/ops/window.ts'
import { elementCount } from '../../../core/shape.ts'
import type { Emitter } from '../emitter.ts'
import type { Edge } from '../graph.ts'
import { matMul } from './dot-general.ts'
import type { Rule } from './rule.ts'
import { transposedAttributes, transposedKernel } from './transposed.ts'
import { cropped, padded, spread, tap, windowAttributes } from './window.ts'

/** Elements of a window up to which a convolution that ONNX has no operator for becomes a product of what stands under it. */
const mostTaps = 1024

const inverse = (list: readonly number[]): number[] => list.map((_, axis) => list.indexOf(axis))

export const convolution: Rule<'convolution'> = (e, node, [x, w]) => {
  const { lhs, rhs, out, window, groups, batchGroups = 1, padValue = 0 } = node.attrs
  if (batchGroups > 1) e.refuse('ONNX has no convolution whose batch is in groups')
  const { dtype, shape } = node.results[0]!.type
  if (elementCount(x!.type.shape) === 0) return [e.full(0, dtype, shape)]
  // Without a spatial axis, one of length 1.
  const one = (y: Edge): Edge => (window.length === 0 ? e.unsqueeze(y, [2]) : y)
  const image = one(e.transpose(x!, activationList(lhs)))
  const kernel = one(e.transpose(w!, [rhs.output, rhs.input, ...rhs.spatial]))
  const windows = window.length === 0 ? [trivialWindow] : window
  const channelsFirst = activationList(out).map((axis) => shape[axis]!)
  const result = window.length === 0 ? [...channelsFirst, 1] : channelsFirst
  const y = convolved(e, { image, kernel, windows, groups, padValue, shape: result })
  return [e.transpose(e.reshape(e.cast(y, dtype), channelsFirst), inverse(activationList(out)))]
}

/** A convolution of [N, C, spatial …] and [O, I, spatial …]. */
interface Convolution {
  readonly image: Edge
  readonly kernel: Edge
  readonly windows: readonly WindowAxis[]
  readonly groups: number
  readonly padValue: number
  readonly shape: readonly number[]
}

function convolved(e: Emitter, c: Convolution): Edge {
  const attributes = c.image.type.dtype === 'f32' ? transposedAttributes(c.windows, c.groups) : undefined
  if (!attributes) return applied(e, c)
  const kernel = transposedKernel(e, c.kernel, c.groups)
  return e.node('ConvTranspose', [c.image, kernel], { dtype: 'f32', shape: c.shape }, attributes)
}

function applied(e: Emitter, c: Convolution): Edge {
  const all = [trivialWindow, trivialWindow, ...c.windows]
  const apart = spread(e, c.image, all, 0)
  const { dtype } = c.image.type
  const bytes = [c.image, c.kernel].every(({ type }) => !isFloat(type.dtype) && byteSize(type.dtype) === 1)
  const operator = dtype === 'f32' ? 'Conv' : bytes ? 'ConvInteger' : undefined
  // Padding is 0 in ONNX.
  const filled = c.padValue !== 0 || !operator
  const { x, windows } = filled
    ? padded(e, apart.x, apart.windows, c.padValue)
    : { x: cropped(e, apart.x, apart.windows), windows: apart.windows }
  const moving = windows.slice(2).map((w) => ({ ...w, low: Math.max(0, w.low), high: Math.max(0, w.high) }))
  if (!operator) return underWindows(e, { ...c, image: x, windows: moving })
  const attributes = {
    kernel_shape: moving.map((w) => w.size),
    ...windowAttributes(moving),
    ...(c.groups !== 1 && { group: c.groups }),
  }
  return e.node(operator, [x, c.kernel], { dtype: bytes ? 'i32' : dtype, shape: c.shape }, attributes)
}

/** Weights times what stands under each element of the window, of an image without padding. */
function underWindows(e: Emitter, { image, kernel, windows, groups, shape }: Convolution): Edge {
  const sizes = windows.map((w) => w.size)
  const taps = elementCount(sizes)
  if (taps > mostTaps) e.refuse(`ONNX has no convolution of ${image.type.dtype}, and its window has ${taps} elements`)
  const [images, outputs, ...spatial] = shape as [number, number, ...number[]]
  const inputs = kernel.type.shape[1]!
  const slices = windows.reduce<Edge[]>(
    (parts, w, i) =>
      parts.flatMap((x) => Array.from({ length: w.size }, (_, k) => tap(e, x, i + 2, w, k, spatial[i]!))),
    [image],
  )
  const columns = e.concat(
    slices.map((x) => e.unsqueeze(x, [2])),
    2,
  )
  const rows = [images, groups, inputs * taps, elementCount(spatial)]
  const weights = e.reshape(kernel, [1, groups, outputs / groups, inputs * taps])
  const product = matMul(e, weights, e.reshape(columns, rows), [
    images,
    groups,
    outputs / groups,
    elementCount(spatial),
  ])
  return e.reshape(product, shape)
}
