/** What convolutions and pooling have in common: windows that move along some axes. */
import type { Scalar } from '../../../core/scalar/dtype.ts'
import { isTrivialWindow, spreadLength, type WindowAxis } from '../../../core/ops/window.ts'
import type { Emitter } from '../emitter.ts'
import type { Edge } from '../graph.ts'

/** A window over each axis, trivial for most. */
export type Windows = readonly WindowAxis[]

/** Axes along which the window is none. */
export const movingAxes = (windows: Windows): number[] =>
  windows.flatMap((w, axis) => (isTrivialWindow(w) ? [] : [axis]))

/** `x` with its elements spread and `fill` between them, for windows that are not spread. */
export function spread(e: Emitter, x: Edge, windows: Windows, fill: Scalar): { x: Edge; windows: Windows } {
  const value = e.scalar(fill, x.type.dtype)
  let y = x
  windows.forEach(({ baseDilation: by }, axis) => {
    const length = y.type.shape[axis]!
    if (by === 1 || length === 0) return
    const { shape } = y.type
    const apart = e.reshape(y, shape.toSpliced(axis + 1, 0, 1))
    const high = apart.type.shape.map((_, i) => (i === axis + 1 ? by - 1 : 0))
    const none = high.map(() => 0)
    const filled = e.reshape(e.pad(apart, value, none, high), shape.with(axis, length * by))
    y = e.sliceAxis(filled, axis, 0, spreadLength(length, by))
  })
  return { x: y, windows: windows.map((w) => ({ ...w, baseDilation: 1 })) }
}

/** `x` padded with `fill`, or cut where padding is negative, for windows without any. */
export function padded(e: Emitter, x: Edge, windows: Windows, fill: Scalar): { x: Edge; windows: Windows } {
  const at = (of: (w: WindowAxis) => number): number[] => windows.map((w) => Math.max(0, of(w)))
  const cut = cropped(e, x, windows)
  const y = e.pad(
    cut,
    e.scalar(fill, x.type.dtype),
    at((w) => w.low),
    at((w) => w.high),
  )
  return { x: y, windows: windows.map((w) => ({ ...w, low: 0, high: 0 })) }
}

/** `x` without what negative padding takes away. */
export function cropped(e: Emitter, x: Edge, windows: Windows): Edge {
  const start = windows.map((w) => Math.max(0, -w.low))
  const shape = x.type.shape.map((d, i) => Math.max(0, d - start[i]! - Math.max(0, -windows[i]!.high)))
  return e.slice(x, start, shape)
}

/** The elements under element `k` of the window along one axis, at each of its positions; without padding. */
export const tap = (e: Emitter, x: Edge, axis: number, { stride, dilation }: WindowAxis, k: number, count: number) =>
  e.sliceAxis(x, axis, k * dilation, count, stride)

/** Attributes of ONNX's windows. */
export const windowAttributes = (windows: Windows) => ({
  ...(windows.some((w) => w.low !== 0 || w.high !== 0) && {
    pads: [...windows.map((w) => w.low), ...windows.map((w) => w.high)],
  }),
  ...(windows.some((w) => w.stride !== 1) && { strides: windows.map((w) => w.stride) }),
  ...(windows.some((w) => w.dilation !== 1) && { dilations: windows.map((w) => w.dilation) }),
})
