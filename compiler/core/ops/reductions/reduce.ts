import { check } from '../../diagnostics/check.ts'
import { integerRange, isFloat, isStorageOnly, type DType, type Scalar } from '../../scalar/dtype.ts'
import { binaryScalar, normalize } from '../../scalar/scalar.ts'
import { rowMajorStrides, walk } from '../../shape.ts'
import { reader, writer, zeros, type TensorType } from '../../tensor.ts'
import { checkDistinctAxes, inOperand, sameAttributes, sameIndex, type Facets } from '../facets.ts'

/** Combining functions, by the name of the binary scalar op that combines. */
export type ReduceKind = 'add' | 'mul' | 'max' | 'min' | 'and' | 'or'

export interface ReduceAttrs {
  readonly kind: ReduceKind
  readonly axes: readonly number[]
}

/** The value that leaves every other unchanged under `kind`: what an empty reduction gives. */
export function identityOf(kind: ReduceKind, dtype: DType): Scalar {
  const typed = (value: bigint): Scalar => normalize(dtype, value)
  if (kind === 'add' || kind === 'or') return typed(0n)
  if (kind === 'mul') return typed(1n)
  if (kind === 'and') return dtype === 'bool' ? 1 : typed(-1n)
  if (isFloat(dtype)) return kind === 'max' ? -Infinity : Infinity
  const { min, max } = integerRange(dtype)
  return typed(kind === 'max' ? min : max)
}

/** The combining function; f32 is combined in f64 and rounded when it is stored. */
export const combiner = (kind: ReduceKind, dtype: DType): ((a: Scalar, b: Scalar) => Scalar) =>
  binaryScalar(kind, dtype === 'f32' ? 'f64' : dtype)

export function checkReducible(kind: ReduceKind, dtype: DType): void {
  const legal = kind === 'and' || kind === 'or' ? !isFloat(dtype) : dtype !== 'bool' || kind === 'max' || kind === 'min'
  check(legal && !isStorageOnly(dtype), `reduce ${kind} does not take ${dtype}`)
}

/** Combines the elements along `axes`, which vanish from the shape (StableHLO reduce). */
export const reduce: Facets<ReduceAttrs> = {
  type: ([x], { kind, axes }) => {
    check(x !== undefined, 'reduce wants one operand')
    checkDistinctAxes(axes, x.shape.length)
    checkReducible(kind, x.dtype)
    return [{ dtype: x.dtype, shape: x.shape.filter((_, i) => !axes.includes(i)) }]
  },
  evaluate: ([x], attrs) => {
    const [type] = reduce.type([x!], attrs) as [TensorType]
    const result = zeros(type.dtype, type.shape)
    const combine = combiner(attrs.kind, type.dtype)
    const sums = new Array<Scalar>(result.data.length).fill(identityOf(attrs.kind, type.dtype))
    const read = reader(x!)
    const strides = rowMajorStrides(type.shape)
    let next = 0
    const into = x!.shape.map((_, i) => (attrs.axes.includes(i) ? 0 : strides[next++]!))
    let at = 0
    walk(x!.shape, [into], ([to]) => {
      sums[to!] = combine(sums[to!]!, read(at++))
    })
    const write = writer(result)
    sums.forEach((value, i) => write(i, value))
    return [result]
  },
  indices: ([x], { axes }) => {
    let next = 0
    return x!.shape.map((extent, i) =>
      axes.includes(i) ? { extent, places: [inOperand(0, i, extent)] } : sameIndex(x!, i, next++),
    )
  },
  keep: sameAttributes,
}
