import { dtypes, type DType } from '../../core/scalar/dtype.ts'
import { dtypeOf } from '../stored-tensor.ts'

const numbers = new Map<DType, number>()
for (let i = 0; numbers.size < dtypes.length; i++) {
  const dtype = dtypeOf(i)
  if (dtype) numbers.set(dtype, i)
}

/** TensorProto.DataType of a dtype. */
export const numberOf = (dtype: DType): number => numbers.get(dtype)!

/** The first opset whose operators take the type. */
export function opsetOf(dtype: DType): number {
  if (dtype === 'i4' || dtype === 'u4') return 21
  if (dtype === 'f4e2m1') return 23
  if (dtype === 'f8e8m0') return 24
  if (dtype === 'i2' || dtype === 'u2') return 25
  return dtype.startsWith('f8') ? 19 : 1
}
