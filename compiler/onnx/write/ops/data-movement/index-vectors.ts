/** Index vectors of gather and scatter (StableHLO) as ONNX has them. */
import { reader, tensorOf } from '../../../../core/tensor.ts'
import type { Emitter } from '../../emitter.ts'
import { storedIn, type Edge } from '../../graph.ts'

/** The components of index vectors that stand along `vectorDim`, int64, each of the shape of all other axes. */
export function components(e: Emitter, indices: Edge, vectorDim: number): Edge[] {
  const { shape, dtype } = indices.type
  // What is beyond i64 is beyond every axis too.
  const bounded = dtype === 'u64' ? e.elementwise('Min', [indices, e.scalar(2n ** 62n, 'u64')]) : indices
  const wide = e.cast(bounded, 'i64')
  if (vectorDim === shape.length) return [wide]
  const rest = shape.toSpliced(vectorDim, 1)
  return Array.from({ length: shape[vectorDim]! }, (_, k) => e.reshape(e.sliceAxis(wide, vectorDim, k, 1), rest))
}

/** Whether all indices are known to be in 0 … `most`. */
export function areWithin(index: Edge, most: number): boolean {
  const tensor = storedIn(index)
  if (!tensor) return false
  const read = reader(tensor)
  for (let i = 0; i < tensor.data.length; i++) if (!(read(i) >= 0n && read(i) <= BigInt(most))) return false
  return true
}

/** The nearest index in 0 … `most`: ONNX counts negative ones from the end, and refuses those beyond it. */
export function clamped(e: Emitter, index: Edge, most: number): Edge {
  if (areWithin(index, most)) return index
  const tensor = storedIn(index)
  if (tensor) {
    const read = reader(tensor)
    const values = Array.from({ length: tensor.data.length }, (_, i) => Math.max(0, Math.min(Number(read(i)), most)))
    return e.stored(tensorOf('i64', tensor.shape, values))
  }
  return e.elementwise('Min', [e.elementwise('Max', [index, e.scalar(0, 'i64')]), e.scalar(most, 'i64')])
}

/** `index`, of the axes `from` of a space of rank `rank`, plus the position along axis `window` of it. */
export function offsetAlong(
  e: Emitter,
  index: Edge | undefined,
  from: readonly number[],
  rank: number,
  window: { readonly axis: number; readonly length: number } | undefined,
): Edge {
  const spaced =
    index &&
    e.reshape(
      index,
      Array.from({ length: rank }, (_, axis) => (from.includes(axis) ? index.type.shape[from.indexOf(axis)]! : 1)),
    )
  if (!window) return spaced ?? e.full(0, 'i64', new Array<number>(rank).fill(1))
  const along = e.reshape(
    e.range(window.length, 'i64'),
    Array.from({ length: rank }, (_, axis) => (axis === window.axis ? window.length : 1)),
  )
  return spaced ? e.elementwise('Add', [spaced, along]) : along
}

/** Index vectors along a last axis, over a space of that shape. */
export const vectors = (e: Emitter, parts: readonly Edge[], shape: readonly number[]): Edge =>
  e.concat(
    parts.map((part) => e.reshape(e.expand(part, shape), [...shape, 1])),
    shape.length,
  )
