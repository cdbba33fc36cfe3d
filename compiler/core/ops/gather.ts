import { rowMajorStrides, walk, type Shape } from '../shape.ts'
import { reader, zeros, type TensorType } from '../tensor.ts'
import { isInteger } from '../dtype.ts'
import { mixed, mixedAxes, require, requireAxis, toResult, type Facets } from './facets.ts'

/** Attribute names and meaning are StableHLO's (specification, section "gather"). */
export interface GatherAttrs {
  /** Axes of the result that run through the slice, ascending. */
  readonly offsetDims: readonly number[]
  /** Axes of the operand whose slice of one element vanishes. */
  readonly collapsedSliceDims: readonly number[]
  readonly operandBatchingDims: readonly number[]
  readonly startIndicesBatchingDims: readonly number[]
  /** Axis of the operand that component k of an index vector addresses. */
  readonly startIndexMap: readonly number[]
  /** Axis of the indices that holds the index vectors; the indices' rank when each index is a vector of one. */
  readonly indexVectorDim: number
  readonly sliceSizes: readonly number[]
}

/** Shape of the indices without their vector axis: one entry for each slice. */
export const batchShape = (indices: Shape, indexVectorDim: number): number[] =>
  indices.filter((_, i) => i !== indexVectorDim)

/** Operand axes that have an axis of their own in the slice. */
const offsetAxes = (rank: number, a: GatherAttrs): number[] =>
  Array.from({ length: rank }, (_, i) => i).filter(
    (i) => !a.collapsedSliceDims.includes(i) && !a.operandBatchingDims.includes(i),
  )

/**
 * For each operand axis the stride of the batching axis in the batch index, or -1.
 * Batch axis b of the indices counts without the vector axis.
 */
export function batchingAxis(startIndicesBatchingDims: readonly number[], indexVectorDim: number, k: number): number {
  const axis = startIndicesBatchingDims[k]!
  return axis > indexVectorDim ? axis - 1 : axis
}

/** Batching axes of operand and indices go in step. */
export function requireBatching(x: Shape, axes: readonly number[], indices: Shape, indexAxes: readonly number[]): void {
  require(axes.length === indexAxes.length &&
    axes.every(
      (axis, k) => x[axis] === indices[indexAxes[k]!],
    ), `batches of [${x.join(',')}] and indices [${indices.join(',')}] differ`)
}

/** Takes slices of operand 0 at the places that operand 1 gives; places are clamped so that the slice is inside. */
export const gather: Facets<GatherAttrs> = {
  type: ([x, indices], a) => {
    require(x !== undefined && indices !== undefined, 'gather wants an operand and indices')
    require(isInteger(indices.dtype), `indices are ${indices.dtype}`)
    require(a.sliceSizes.length === x.shape.length, 'one slice size for each axis')
    const vector = a.indexVectorDim === indices.shape.length ? 1 : indices.shape[a.indexVectorDim]!
    require(vector === a.startIndexMap.length, `index vectors of ${vector} for ${a.startIndexMap.length} axes`)
    for (const axis of [...a.collapsedSliceDims, ...a.operandBatchingDims, ...a.startIndexMap])
      requireAxis(axis, x.shape.length)
    const single = [...a.collapsedSliceDims, ...a.operandBatchingDims]
    require(a.sliceSizes.every(
      (s, i) => s >= 0 && s <= x.shape[i]! && (!single.includes(i) || s === 1),
    ), `slice [${a.sliceSizes.join(',')}] does not fit [${x.shape.join(',')}]`)
    const offsets = offsetAxes(x.shape.length, a)
    require(offsets.length ===
      a.offsetDims.length, `${a.offsetDims.length} offset axes for ${offsets.length} slice axes`)
    requireBatching(x.shape, a.operandBatchingDims, indices.shape, a.startIndicesBatchingDims)
    const batch = batchShape(indices.shape, a.indexVectorDim)
    const rank = batch.length + offsets.length
    const shape: number[] = []
    for (let i = 0, b = 0; i < rank; i++) {
      const o = a.offsetDims.indexOf(i)
      shape.push(o < 0 ? batch[b++]! : a.sliceSizes[offsets[o]!]!)
    }
    return [{ dtype: x.dtype, shape }]
  },
  evaluate: ([x, indices], a) => {
    const [type] = gather.type([x!, indices!], a) as [TensorType]
    const result = zeros(type.dtype, type.shape)
    const read = reader(indices!)
    const own = rowMajorStrides(x!.shape)
    const indexStrides = rowMajorStrides(indices!.shape)
    const vectorStride = indexStrides[a.indexVectorDim] ?? 0
    const batchStrides = indexStrides.filter((_, i) => i !== a.indexVectorDim)
    const offsets = offsetAxes(x!.shape.length, a)
    const batchAxes = type.shape.map((_, i) => i).filter((i) => !a.offsetDims.includes(i))
    const toIndex = type.shape.map((_, i) => (batchAxes.includes(i) ? batchStrides[batchAxes.indexOf(i)]! : 0))
    const toSlice = type.shape.map((_, i) => (a.offsetDims.includes(i) ? own[offsets[a.offsetDims.indexOf(i)]!]! : 0))
    let at = 0
    walk(type.shape, [toIndex, toSlice], ([vector, slice], position) => {
      let from = slice!
      a.startIndexMap.forEach((axis, k) => {
        const start = Number(read(vector! + k * vectorStride))
        from += Math.max(0, Math.min(start, x!.shape[axis]! - a.sliceSizes[axis]!)) * own[axis]!
      })
      a.operandBatchingDims.forEach((axis, k) => {
        const batch = batchingAxis(a.startIndicesBatchingDims, a.indexVectorDim, k)
        from += position[batchAxes[batch]!]! * own[axis]!
      })
      result.data[at++] = x!.data[from]!
    })
    return [result]
  },
  axes: ([x, indices], a) => {
    const offsets = offsetAxes(x!.shape.length, a)
    const free = x!.shape.map((d, i) => {
      const whole = offsets.includes(i) && a.sliceSizes[i] === d && !a.startIndexMap.includes(i)
      return whole ? toResult(a.offsetDims[offsets.indexOf(i)]!) : mixed
    })
    return [free, mixedAxes(indices!.shape.length)]
  },
}
