import { check } from '../diagnostics/check.ts'
import { isBigInt, isStorageOnly, type DType } from '../scalar/dtype.ts'
import { normalize } from '../scalar/scalar.ts'
import { elementCount, rowMajorStrides, walk } from '../shape.ts'
import { formatType, reader, writer, zeros, type TensorType } from '../tensor.ts'
import {
  checkDistinctAxes,
  inOperand,
  inResult,
  sameAttributes,
  type Facets,
  type Index,
  type Place,
} from './facets.ts'

export interface DotGeneralAttrs {
  readonly lhsBatch: readonly number[]
  readonly rhsBatch: readonly number[]
  readonly lhsContract: readonly number[]
  readonly rhsContract: readonly number[]
}

/** dtype of sums of products: 8- and 16-bit integers accumulate in i32. */
export const accumulatorOf = (dtype: DType): DType => (['i8', 'u8', 'i16', 'u16'].includes(dtype) ? 'i32' : dtype)

/** Axes of an operand that are neither batch nor contracted, in order. */
export const freeAxes = (rank: number, batch: readonly number[], contract: readonly number[]): number[] =>
  Array.from({ length: rank }, (_, i) => i).filter((i) => !batch.includes(i) && !contract.includes(i))

/** Adds products of numbers or bigints; exact for 32-bit integers. */
export function productSum(a: (i: number) => number | bigint, b: (i: number) => number | bigint, big: boolean) {
  let sum: number | bigint = big ? 0n : 0
  return {
    add(i: number, j: number): void {
      sum = big ? (sum as bigint) + BigInt(a(i)) * BigInt(b(j)) : (sum as number) + (a(i) as number) * (b(j) as number)
    },
    take(): number | bigint {
      const total = sum
      sum = big ? 0n : 0
      return total
    },
  }
}

/** 32-bit products overflow a double's 53 bits. */
export const needsBigInt = (dtype: DType): boolean => isBigInt(dtype) || dtype === 'i32' || dtype === 'u32'

/** Batched contraction (StableHLO dot_general). Result axes: batch, free of the left, free of the right. */
export const dotGeneral: Facets<DotGeneralAttrs> = {
  type: ([lhs, rhs], a) => {
    check(lhs !== undefined && rhs !== undefined, 'dot_general wants two operands')
    checkDistinctAxes([...a.lhsBatch, ...a.lhsContract], lhs.shape.length)
    checkDistinctAxes([...a.rhsBatch, ...a.rhsContract], rhs.shape.length)
    const pairs = [
      ...a.lhsBatch.map((l, i) => [l, a.rhsBatch[i]]),
      ...a.lhsContract.map((l, i) => [l, a.rhsContract[i]]),
    ]
    const matches = pairs.every(([l, r]) => r !== undefined && lhs.shape[l!] === rhs.shape[r])
    check(
      matches && a.lhsBatch.length === a.rhsBatch.length && a.lhsContract.length === a.rhsContract.length,
      `${formatType(lhs)} and ${formatType(rhs)} do not match along axes ${a.lhsContract.join(',')} and ${a.rhsContract.join(',')}`,
    )
    const out = accumulatorOf(lhs.dtype)
    check(out === accumulatorOf(rhs.dtype), `dot_general of ${lhs.dtype} and ${rhs.dtype}`)
    check(out !== 'bool' && !isStorageOnly(out), `dot_general does not take ${lhs.dtype}`)
    const shape = [
      ...a.lhsBatch.map((i) => lhs.shape[i]!),
      ...freeAxes(lhs.shape.length, a.lhsBatch, a.lhsContract).map((i) => lhs.shape[i]!),
      ...freeAxes(rhs.shape.length, a.rhsBatch, a.rhsContract).map((i) => rhs.shape[i]!),
    ]
    return [{ dtype: out, shape }]
  },
  evaluate: ([lhs, rhs], a) => {
    const [type] = dotGeneral.type([lhs!, rhs!], a) as [TensorType]
    const result = zeros(type.dtype, type.shape)
    const write = writer(result)
    const ls = rowMajorStrides(lhs!.shape)
    const rs = rowMajorStrides(rhs!.shape)
    const lFree = freeAxes(lhs!.shape.length, a.lhsBatch, a.lhsContract)
    const rFree = freeAxes(rhs!.shape.length, a.rhsBatch, a.rhsContract)
    const left = [...a.lhsBatch.map((i) => ls[i]!), ...lFree.map((i) => ls[i]!), ...rFree.map(() => 0)]
    const right = [...a.rhsBatch.map((i) => rs[i]!), ...lFree.map(() => 0), ...rFree.map((i) => rs[i]!)]
    const inner = a.lhsContract.map((i) => lhs!.shape[i]!)
    const steps = elementCount(inner)
    const li = new Int32Array(steps)
    const ri = new Int32Array(steps)
    let k = 0
    walk(inner, [a.lhsContract.map((i) => ls[i]!), a.rhsContract.map((i) => rs[i]!)], ([l, r]) => {
      li[k] = l!
      ri[k++] = r!
    })
    const sum = productSum(reader(lhs!), reader(rhs!), needsBigInt(type.dtype))
    let at = 0
    walk(type.shape, [left, right], ([l, r]) => {
      for (let i = 0; i < steps; i++) sum.add(l! + li[i]!, r! + ri[i]!)
      write(at++, normalize(type.dtype, sum.take()))
    })
    return [result]
  },
  indices: ([lhs, rhs], a) => {
    const free = (at: number, { shape }: TensorType, batch: readonly number[], contract: readonly number[]) =>
      freeAxes(shape.length, batch, contract).map((axis) => ({ at, axis, extent: shape[axis]! }))
    const pair = (l: number, r: number, target: readonly Place[] = []): Index => {
      const extent = lhs!.shape[l]!
      return { extent, places: [inOperand(0, l, extent), inOperand(1, r, extent), ...target] }
    }
    const batch = a.lhsBatch.length
    return [
      ...a.lhsBatch.map((l, i) => pair(l, a.rhsBatch[i]!, [inResult(0, i, lhs!.shape[l]!)])),
      ...[...free(0, lhs!, a.lhsBatch, a.lhsContract), ...free(1, rhs!, a.rhsBatch, a.rhsContract)].map(
        ({ at, axis, extent }, i) => ({
          extent,
          places: [inOperand(at, axis, extent), inResult(0, batch + i, extent)],
        }),
      ),
      ...a.lhsContract.map((l, i) => pair(l, a.rhsContract[i]!)),
    ]
  },
  keep: sameAttributes,
}
