import { windowIndex, windowPositions, type WindowAxis } from '../../../core/ops/window.ts'
import { broadcastStrides, elementCount, walk } from '../../../core/shape.ts'
import { toNumbers } from '../../../core/tensor.ts'
import { storedIn, type Edge, type OnnxNode } from '../graph.ts'
import { pairWith, single, type Pattern } from './pattern.ts'

/**
 * Sums under a window, which are a convolution with ones, by the number of elements, or of those that are not padding. By a
 * division or the reciprocal.
 */
export const averagePool: Pattern = (node, uses) => {
  const isDiv = node.operator === 'Div'
  const found = isDiv || node.operator === 'Mul' ? pairWith(node, 'Conv', uses) : undefined
  const windows = found && (!isDiv || found.other === node.inputs[1]) ? windowsOf(found.inner) : undefined
  if (!found || !windows || windows.some((w) => w.dilation !== 1)) return undefined
  const { inner: sum, other: counts } = found
  const factor = (count: number): number => (isDiv ? count : Math.fround(1 / count))
  const isWhole = single(counts) === factor(elementCount(windows.map((w) => w.size)))
  const x = sum.inputs[0]!
  const isInside = !isWhole && areCounts(counts, x.type.shape.slice(2), windows, sum.outputs[0]!.type.shape, factor)
  if (!isWhole && !isInside) return undefined
  const { group: _, ...attributes } = sum.attributes
  return {
    operator: 'AveragePool',
    inputs: [x],
    attributes: { ...attributes, ...(isWhole && { count_include_pad: 1 }) },
  }
}

/** The windows of a convolution that adds up each channel alone; its padding is less than its window, as AveragePool's must be. */
function windowsOf({ inputs, attributes, outputs }: OnnxNode): WindowAxis[] | undefined {
  const kernel = storedIn(inputs[1])
  const channels = inputs[0]!.type.shape[1]
  if (
    !kernel ||
    inputs.length !== 2 ||
    (attributes['group'] ?? 1) !== channels ||
    outputs[0]!.type.shape[1] !== channels
  )
    return undefined
  if (!toNumbers(kernel).every((value) => value === 1)) return undefined
  const list = (name: string): readonly number[] | undefined => attributes[name] as readonly number[] | undefined
  const sizes = kernel.shape.slice(2)
  const windows = sizes.map((size, i) => ({
    size,
    stride: list('strides')?.[i] ?? 1,
    dilation: list('dilations')?.[i] ?? 1,
    low: list('pads')?.[i] ?? 0,
    high: list('pads')?.[i + sizes.length] ?? 0,
    baseDilation: 1,
  }))
  return windows.every((w) => w.low < w.size && w.high < w.size) ? windows : undefined
}

/** Whether `counts` has at each position the factor for how many elements under the window are not padding. */
function areCounts(
  counts: Edge,
  lengths: readonly number[],
  windows: readonly WindowAxis[],
  shape: readonly number[],
  factor: (count: number) => number,
): boolean {
  const tensor = storedIn(counts)
  if (!tensor || tensor.shape.length > shape.length) return false
  if (tensor.shape.slice(0, -windows.length).some((d) => d !== 1)) return false
  const values = toNumbers(tensor)
  const along = windows.map((w, axis) =>
    Array.from({ length: windowPositions(lengths[axis]!, w) }, (_, p) => {
      const taps = Array.from({ length: w.size }, (_, k) => windowIndex(p, k, lengths[axis]!, w))
      return taps.filter((index) => index >= 0).length
    }),
  )
  let isSame = true
  walk([1, 1, ...shape.slice(2)], [broadcastStrides(tensor.shape, shape)], ([offset], index) => {
    isSame &&= values[offset!] === factor(along.reduce((count, list, i) => count * list[index[i + 2]!]!, 1))
  })
  return isSame
}
