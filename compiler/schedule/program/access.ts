import { rowMajorStrides, sameShape, type Shape } from '../../core/shape.ts'
import type { Access, Buffer } from './program.ts'

/** `access` with the strides of it and of its loaded indices replaced. */
export function mapStrides(access: Access, to: (strides: readonly number[]) => readonly number[]): Access {
  return {
    ...access,
    strides: to(access.strides),
    ...(access.indirect && { indirect: access.indirect.map((i) => ({ ...i, index: mapStrides(i.index, to) })) }),
  }
}

/** Whether both go to the same element at every index. */
export const sameAccess = (a: Access, b: Access): boolean =>
  a.buffer === b.buffer &&
  a.offset === b.offset &&
  sameShape(a.strides, b.strides) &&
  (a.indirect?.length ?? 0) === (b.indirect?.length ?? 0) &&
  (a.indirect ?? []).every((i, k) => {
    const other = b.indirect![k]!
    const { index, dtype, scale, limit } = i
    return dtype === other.dtype && scale === other.scale && limit === other.limit && sameAccess(index, other.index)
  })

/** Every `steps`th element of each axis from `start` on. */
export function sliceAccess(a: Access, start: readonly number[], steps: readonly number[]): Access {
  return {
    ...a,
    offset: a.offset + start.reduce((sum, n, i) => sum + n * a.strides[i]!, 0),
    strides: a.strides.map((stride, i) => stride * steps[i]!),
    ...(a.indirect && { indirect: a.indirect.map((i) => ({ ...i, index: sliceAccess(i.index, start, steps) })) }),
  }
}

/** The whole of `buffer` as a row-major tensor of `shape`. */
export const contiguous = (buffer: Buffer, shape: Shape): Access => ({
  buffer,
  offset: 0,
  strides: rowMajorStrides(shape),
})

/** Whether the access walks `shape` in row-major order without gaps. */
export function isContiguous(access: Access, shape: Shape): boolean {
  const strides = rowMajorStrides(shape)
  return !access.indirect && shape.every((d, i) => d === 1 || access.strides[i] === strides[i])
}

/**
 * Strides over `to` that visit what `strides` visits over `from`, both in row-major order; undefined where no strides do,
 * since neighbouring axes of `from` that `to` merges are not evenly spaced.
 */
export function reshapeStrides(strides: readonly number[], from: Shape, to: Shape): number[] | undefined {
  const result = to.map(() => 0)
  const axes = from.map((d, i) => ({ d, stride: strides[i]! })).filter((a) => a.d !== 1)
  let at = 0
  let j = 0
  while (at < axes.length) {
    // The smallest runs of axes on both sides that hold equally many elements.
    let left = axes[at]!.d
    let end = at + 1
    while (j < to.length && to[j] === 1) j++
    if (j >= to.length) return undefined
    let right = to[j]!
    let stop = j + 1
    while (left !== right) {
      if (left < right) {
        if (end >= axes.length) return undefined
        left *= axes[end++]!.d
      } else {
        if (stop >= to.length) return undefined
        right *= to[stop++]!
      }
    }
    for (let i = at; i < end - 1; i++) {
      if (axes[i]!.stride !== axes[i + 1]!.stride * axes[i + 1]!.d) return undefined
    }
    let stride = axes[end - 1]!.stride
    for (let i = stop - 1; i >= j; i--) {
      result[i] = to[i] === 1 ? 0 : stride
      stride *= to[i]!
    }
    at = end
    j = stop
  }
  return result
}

/** `access` over `from` seen as a tensor of shape `to`; undefined where that takes a copy. */
export function reshapeAccess(access: Access, from: Shape, to: Shape): Access | undefined {
  if (from.includes(0)) return mapStrides(access, () => to.map(() => 0))
  let possible = true
  const reshaped = mapStrides(access, (strides) => {
    const result = reshapeStrides(strides, from, to)
    if (!result) possible = false
    return result ?? to.map(() => 0)
  })
  return possible ? reshaped : undefined
}

/** Strides of an access over `shape` when it is walked as part of the larger `target` it broadcasts to. */
export function broadcastAccess(access: Access, shape: Shape, target: Shape): Access {
  const lead = target.length - shape.length
  return mapStrides(access, (strides) =>
    target.map((_, i) => (i < lead || shape[i - lead] === 1 ? 0 : strides[i - lead]!)),
  )
}
