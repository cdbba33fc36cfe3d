import { check } from '../../diagnostics/check.ts'
import { isInteger } from '../../scalar/dtype.ts'
import { binaryScalar } from '../../scalar/scalar.ts'
import { rowMajorStrides, sameShape, walk } from '../../shape.ts'
import { bytesOf, reader, writer, zeros } from '../../tensor.ts'
import { checkAxis, inOperand, inResult, type Facets, type Index } from '../facets.ts'
import { batchingAxis, batchShape, checkBatching } from './gather.ts'
import type { ReduceKind } from '../reductions/reduce.ts'

/** Attribute names and meaning are StableHLO's (specification, section "scatter"). */
export interface ScatterAttrs {
  /** How an update meets the element: replace it, or combine with it. */
  readonly kind: 'set' | ReduceKind
  /** Axes of the updates that run through the window, ascending. */
  readonly updateWindowDims: readonly number[]
  /** Axes of the operand along which the window has one element and no axis. */
  readonly insertedWindowDims: readonly number[]
  readonly inputBatchingDims: readonly number[]
  readonly scatterIndicesBatchingDims: readonly number[]
  readonly scatterDimsToOperandDims: readonly number[]
  readonly indexVectorDim: number
}

/** Operand 0 with the windows of operand 2 put at the places of operand 1, in row-major order; windows outside are left out. */
export const scatter: Facets<ScatterAttrs> = {
  type: ([x, indices, updates], a) => {
    check(x !== undefined && indices !== undefined && updates !== undefined, 'scatter wants operand, indices, updates')
    check(isInteger(indices.dtype), `indices are ${indices.dtype}`)
    check(updates.dtype === x.dtype, `updates are ${updates.dtype}, the operand ${x.dtype}`)
    for (const axis of [...a.insertedWindowDims, ...a.inputBatchingDims, ...a.scatterDimsToOperandDims]) {
      checkAxis(axis, x.shape.length)
    }
    const batch = updates.shape.filter((_, i) => !a.updateWindowDims.includes(i))
    check(
      sameShape(batch, batchShape(indices.shape, a.indexVectorDim)),
      'updates do not have the batch shape of the indices',
    )
    checkBatching(x.shape, a.inputBatchingDims, indices.shape, a.scatterIndicesBatchingDims)
    const vector = a.indexVectorDim === indices.shape.length ? 1 : indices.shape[a.indexVectorDim]!
    const components = a.scatterDimsToOperandDims.length
    check(vector === components, `index vectors of ${vector} for ${components} axes`)
    const windowAxes = x.shape.flatMap((d, i) =>
      a.insertedWindowDims.includes(i) || a.inputBatchingDims.includes(i) ? [] : [d],
    )
    const window = x.shape.length - a.insertedWindowDims.length - a.inputBatchingDims.length
    check(window === a.updateWindowDims.length, `${a.updateWindowDims.length} window axes for ${window}`)
    const sizes = a.updateWindowDims.map((i) => updates.shape[i]!)
    check(
      sizes.every((d, i) => d <= windowAxes[i]!),
      `windows [${sizes.join(',')}] are larger than [${windowAxes.join(',')}]`,
    )
    return [{ dtype: x.dtype, shape: x.shape }]
  },
  evaluate: ([x, indices, updates], a) => {
    const result = zeros(x!.dtype, x!.shape)
    bytesOf(result).set(bytesOf(x!))
    const readIndex = reader(indices!)
    const readUpdate = reader(updates!)
    const read = reader(result)
    const write = writer(result)
    const combine = a.kind === 'set' ? (_: number | bigint, b: number | bigint) => b : binaryScalar(a.kind, x!.dtype)
    const own = rowMajorStrides(x!.shape)
    const indexStrides = rowMajorStrides(indices!.shape)
    const vectorStride = indexStrides[a.indexVectorDim] ?? 0
    const batchStrides = indexStrides.filter((_, i) => i !== a.indexVectorDim)
    const batchAxes = updates!.shape.map((_, i) => i).filter((i) => !a.updateWindowDims.includes(i))
    const windowAxes = x!.shape
      .map((_, i) => i)
      .filter((i) => !a.insertedWindowDims.includes(i) && !a.inputBatchingDims.includes(i))
    const toIndex = updates!.shape.map((_, i) => (batchAxes.includes(i) ? batchStrides[batchAxes.indexOf(i)]! : 0))
    let from = 0
    walk(updates!.shape, [toIndex], ([vector], position) => {
      const at = from++
      const target = x!.shape.map(() => 0)
      a.updateWindowDims.forEach((axis, k) => (target[windowAxes[k]!] = position[axis]!))
      a.scatterDimsToOperandDims.forEach((axis, k) => (target[axis]! += Number(readIndex(vector! + k * vectorStride))))
      a.inputBatchingDims.forEach((axis, k) => {
        target[axis] = position[batchAxes[batchingAxis(a.scatterIndicesBatchingDims, a.indexVectorDim, k)]!]!
      })
      if (target.some((t, i) => t < 0 || t >= x!.shape[i]!)) return
      const to = target.reduce((sum, t, i) => sum + t * own[i]!, 0)
      write(to, combine(read(to), readUpdate(at)))
    })
    return [result]
  },
  indices: ([x, indices, updates], a) => {
    const windowAxes = x!.shape
      .map((_, i) => i)
      .filter((i) => !a.insertedWindowDims.includes(i) && !a.inputBatchingDims.includes(i))
    const batchAxes = updates!.shape.map((_, i) => i).filter((i) => !a.updateWindowDims.includes(i))
    return x!.shape.map((extent, axis): Index => {
      const ends = [inOperand(0, axis, extent), inResult(0, axis, extent)]
      const window = windowAxes.indexOf(axis)
      const update = a.updateWindowDims[window]
      const whole = update !== undefined && updates!.shape[update] === extent
      if (whole && !a.scatterDimsToOperandDims.includes(axis))
        return { extent, places: [...ends, inOperand(2, update, extent)] }
      const k = a.inputBatchingDims.indexOf(axis)
      if (k < 0) return { extent, places: ends }
      const own = a.scatterIndicesBatchingDims[k]!
      const batch = batchAxes[batchingAxis(a.scatterIndicesBatchingDims, a.indexVectorDim, k)]!
      const both = indices!.shape[own] === extent ? [inOperand(1, own, extent), inOperand(2, batch, extent)] : []
      return { extent, places: [...ends, ...both] }
    })
  },
  // An index that stands in the operand and the result alone has places that updates go to.
  keep: ([x, , updates], a, { operands }) => {
    const windowAxes = x!.shape
      .map((_, i) => i)
      .filter((i) => !a.insertedWindowDims.includes(i) && !a.inputBatchingDims.includes(i))
    const told = (axis: number): boolean => {
      const update = a.updateWindowDims[windowAxes.indexOf(axis)]
      if (a.scatterDimsToOperandDims.includes(axis)) return false
      return a.inputBatchingDims.includes(axis) || (update !== undefined && updates!.shape[update] === x!.shape[axis])
    }
    return operands[0]!.every((axis, i) => !axis || told(i)) ? a : undefined
  },
}
