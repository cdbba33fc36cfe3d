import { check } from '../../diagnostics/check.ts'
import { rowMajorStrides, walk, type Shape } from '../../shape.ts'
import { reader, zeros, type TensorType } from '../../tensor.ts'
import { isInteger } from '../../scalar/dtype.ts'
import { checkAxis, inOperand, inResult, sameIndex, type Facets, type Index } from '../facets.ts'

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

/** The axis of the batch index, which is the indices' without the vector axis, that batching dimension `k` of them is. */
export function batchingAxis(startIndicesBatchingDims: readonly number[], indexVectorDim: number, k: number): number {
  const axis = startIndicesBatchingDims[k]!
  return axis > indexVectorDim ? axis - 1 : axis
}

/** Batching axes of operand and indices go in step. */
export function checkBatching(x: Shape, axes: readonly number[], indices: Shape, indexAxes: readonly number[]): void {
  check(
    axes.length === indexAxes.length && axes.every((axis, k) => x[axis] === indices[indexAxes[k]!]),
    `batches of [${x.join(',')}] and indices [${indices.join(',')}] differ`,
  )
}

/** Takes slices of operand 0 at the places that operand 1 gives; places are clamped so that the slice is inside. */
export const gather: Facets<GatherAttrs> = {
  type: ([x, indices], a) => {
    check(x !== undefined && indices !== undefined, 'gather wants an operand and indices')
    check(isInteger(indices.dtype), `indices are ${indices.dtype}`)
    check(a.sliceSizes.length === x.shape.length, 'one slice size for each axis')
    const vector = a.indexVectorDim === indices.shape.length ? 1 : indices.shape[a.indexVectorDim]!
    check(vector === a.startIndexMap.length, `index vectors of ${vector} for ${a.startIndexMap.length} axes`)
    for (const axis of [...a.collapsedSliceDims, ...a.operandBatchingDims, ...a.startIndexMap])
      checkAxis(axis, x.shape.length)
    const single = [...a.collapsedSliceDims, ...a.operandBatchingDims]
    check(
      a.sliceSizes.every((s, i) => s >= 0 && s <= x.shape[i]! && (!single.includes(i) || s === 1)),
      `slice [${a.sliceSizes.join(',')}] does not fit [${x.shape.join(',')}]`,
    )
    const offsets = offsetAxes(x.shape.length, a)
    check(offsets.length === a.offsetDims.length, `${a.offsetDims.length} offset axes for ${offsets.length} slice axes`)
    checkBatching(x.shape, a.operandBatchingDims, indices.shape, a.startIndicesBatchingDims)
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
  indices: ([x, indices], a) => {
    const offsets = offsetAxes(x!.shape.length, a)
    const rank = a.offsetDims.length + batchShape(indices!.shape, a.indexVectorDim).length
    const batchAxes = Array.from({ length: rank }, (_, i) => i).filter((i) => !a.offsetDims.includes(i))
    // A slice as long as the axis begins at 0, wherever its index says.
    const slices = offsets.flatMap((axis, k): Index[] =>
      a.sliceSizes[axis] === x!.shape[axis] ? [sameIndex(x!, axis, a.offsetDims[k]!)] : [],
    )
    const places = indices!.shape.flatMap((extent, axis): Index[] => {
      if (axis === a.indexVectorDim) return []
      const batch = axis > a.indexVectorDim ? axis - 1 : axis
      const k = a.startIndicesBatchingDims.indexOf(axis)
      const own = k < 0 ? [] : [inOperand(0, a.operandBatchingDims[k]!, extent)]
      return [{ extent, places: [...own, inOperand(1, axis, extent), inResult(0, batchAxes[batch]!, extent)] }]
    })
    return [...slices, ...places]
  },
  keep: ([x], a, { operands }) => {
    const own = operands[0]!
    const told = (i: number): boolean => a.operandBatchingDims.includes(i) || a.sliceSizes[i] === x!.shape[i]
    if (own.some((axis, i) => axis && !told(i))) return undefined
    const cut = (size: number, i: number): number =>
      a.operandBatchingDims.includes(i) ? size : (own[i]?.length ?? size)
    return { ...a, sliceSizes: a.sliceSizes.map(cut) }
  },
}
