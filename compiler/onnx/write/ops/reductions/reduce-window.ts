import { isFloat } from '../../../../core/scalar/dtype.ts'
import { identityOf, type ReduceKind } from '../../../../core/ops/reductions/reduce.ts'
import { windowShape, type WindowAxis } from '../../../../core/ops/window.ts'
import { elementCount, type Shape } from '../../../../core/shape.ts'
import { tensorOf } from '../../../../core/tensor.ts'
import type { Emitter } from '../../emitter.ts'
import type { Edge } from '../../graph.ts'
import { computes } from '../../kernels.ts'
import { emitBinary } from '../../scalar/binary.ts'
import type { Rule } from '../rule.ts'
import { movingAxes, padded, spread, tap, windowAttributes, type Windows } from '../window.ts'

/** Elements of a window along one axis up to which it is combined element by element. */
const mostTaps = 1024
/** Elements of a kernel of ones. */
const mostOnes = 2 ** 16

export const reduceWindow: Rule<'reduce_window'> = (e, node, [operand]) => {
  const { kind } = node.attrs
  const { dtype, shape } = node.results[0]!.type
  const identity = identityOf(kind, dtype)
  if (elementCount(operand!.type.shape) === 0) return [e.full(identity, dtype, shape)]
  const { x, windows } = spread(e, operand!, node.attrs.window, identity)
  const axes = movingAxes(windows)
  if (axes.length === 0) return [x]
  const pooled = axes.length <= 3 ? pool(e, kind, x, windows, axes) : undefined
  return [pooled ?? combined(e, kind, x, windows, shape)]
}

/** As an operator of ONNX, where it has one. */
function pool(e: Emitter, kind: ReduceKind, x: Edge, windows: Windows, axes: readonly number[]): Edge | undefined {
  const moving = axes.map((i) => windows[i]!)
  const { dtype } = x.type
  if (kind === 'max' && isMaxPool(moving)) {
    const as = computes('MaxPool', dtype) ? dtype : dtype === 'i64' || dtype === 'u64' ? undefined : 'f64'
    return (
      as &&
      onImages(e, x, windows, axes, (image, shape) => {
        const attributes = { kernel_shape: moving.map((w) => w.size), ...windowAttributes(moving) }
        return e.cast(e.node('MaxPool', [e.cast(image, as)], { dtype: as, shape }, attributes), dtype)
      })
    )
  }
  if (kind === 'min' && isFloat(dtype) && isMaxPool(moving)) {
    const negative = (y: Edge): Edge => e.elementwise('Neg', [y])
    const most = pool(e, 'max', negative(x), windows, axes)
    return most && negative(most)
  }
  if (kind === 'add' && dtype === 'f32' && moving.every((w) => w.low >= 0 && w.high >= 0))
    return onImages(e, x, windows, axes, (image, shape) => sums(e, image, moving, shape))
  return undefined
}

/** MaxPool's padding is less than its window, and each window has an element that is not padding. */
const isMaxPool = (moving: readonly WindowAxis[]): boolean =>
  moving.every(
    ({ low, high, size, dilation }) =>
      low >= 0 && high >= 0 && low < size && high < size && (dilation === 1 || (low === 0 && high === 0)),
  )

/** A convolution with a kernel of ones for each channel: sums of the same elements. */
function sums(e: Emitter, image: Edge, moving: readonly WindowAxis[], shape: Shape): Edge | undefined {
  const channels = image.type.shape[1]!
  const kernel = [channels, 1, ...moving.map((w) => w.size)]
  const count = elementCount(kernel)
  if (count > mostOnes) return undefined
  const ones = e.stored(tensorOf('f32', kernel, new Array<number>(count).fill(1)))
  const attributes = {
    kernel_shape: kernel.slice(2),
    ...windowAttributes(moving),
    ...(channels > 1 && { group: channels }),
  }
  return e.node('Conv', [image, ones], { dtype: 'f32', shape }, attributes)
}

/** What `of` makes of `x` with `axes` behind two others; `of` gets the shape of its result too. */
function onImages(
  e: Emitter,
  x: Edge,
  windows: Windows,
  axes: readonly number[],
  of: (image: Edge, shape: Shape) => Edge | undefined,
): Edge | undefined {
  const others = x.type.shape.map((_, i) => i).filter((i) => !axes.includes(i))
  const perm = [...others, ...axes]
  const moved = e.transpose(x, perm)
  const shape = moved.type.shape
  const lead = shape.slice(0, others.length)
  const front = lead.length === 2 ? lead : [elementCount(lead), 1]
  const image = e.reshape(moved, [...front, ...shape.slice(others.length)])
  const spatial = axes.map((axis) => positions(x, windows, axis))
  const y = of(image, [...front, ...spatial])
  return (
    y &&
    e.transpose(
      e.reshape(y, [...lead, ...spatial]),
      perm.map((_, i) => perm.indexOf(i)),
    )
  )
}

const positions = (x: Edge, windows: Windows, axis: number): number =>
  windowShape([x.type.shape[axis]!], [windows[axis]!])[0]!

/** Element by element of the window, axis by axis. */
function combined(e: Emitter, kind: ReduceKind, operand: Edge, all: Windows, shape: Shape): Edge {
  const { x, windows } = padded(e, operand, all, identityOf(kind, operand.type.dtype))
  return movingAxes(all).reduce((y, axis) => {
    const w = windows[axis]!
    if (w.size > mostTaps)
      e.refuse(`ONNX has no ${kind} over windows of ${operand.type.dtype}, and this one has ${w.size} elements`)
    const taps = Array.from({ length: w.size }, (_, k) => tap(e, y, axis, w, k, shape[axis]!))
    return taps.reduce((a, b) => emitBinary(e, kind, a, b))
  }, x)
}
