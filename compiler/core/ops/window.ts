import { check } from '../diagnostics/check.ts'
import type { Shape } from '../shape.ts'
import { inOperand, type Place } from './facets.ts'

/** How a window moves along one axis; all counts in elements. */
export interface WindowAxis {
  readonly size: number
  readonly stride: number
  /** Distance between the window's elements. */
  readonly dilation: number
  /** Padding before the first and after the last element; convolution's may be negative. */
  readonly low: number
  readonly high: number
  /** Distance at which the operand's elements are spread, with padding between them (transposed convolution). */
  readonly baseDilation: number
}

export const trivialWindow: WindowAxis = { size: 1, stride: 1, dilation: 1, low: 0, high: 0, baseDilation: 1 }

/** The length of an axis whose elements are spread `every` apart. */
export const spreadLength = (length: number, every: number): number => (length === 0 ? 0 : (length - 1) * every + 1)

/** Number of positions of the window along an axis of `length` elements (StableHLO convolution, reduce_window). */
export function windowPositions(length: number, w: WindowAxis): number {
  check(w.size >= 1 && w.stride >= 1 && w.dilation >= 1 && w.baseDilation >= 1, 'window of no size, stride or dilation')
  const padded = spreadLength(length, w.baseDilation) + w.low + w.high
  const extent = (w.size - 1) * w.dilation + 1
  return padded < extent ? 0 : Math.floor((padded - extent) / w.stride) + 1
}

export const windowShape = (lengths: Shape, window: readonly WindowAxis[]): number[] =>
  lengths.map((length, i) => windowPositions(length, window[i]!))

/** The operand's index under window element `k` at position `p`, or -1 in padding. */
export function windowIndex(p: number, k: number, length: number, w: WindowAxis): number {
  const at = p * w.stride + k * w.dilation - w.low
  if (at < 0 || at % w.baseDilation !== 0) return -1
  const index = at / w.baseDilation
  return index < length ? index : -1
}

export const isTrivialWindow = (w: WindowAxis): boolean =>
  w.size === 1 && w.stride === 1 && w.low === 0 && w.high === 0 && w.baseDilation === 1

/** Where the positions of a window stand in the axis that it moves along; undefined where the axis is spread first. */
export const windowPlace = (at: number, axis: number, length: number, w: WindowAxis): Place | undefined =>
  w.baseDilation > 1
    ? undefined
    : inOperand(at, axis, length, {
        ...{ offset: -w.low, stride: w.stride },
        ...(w.size > 1 && { size: w.size, dilation: w.dilation }),
      })
