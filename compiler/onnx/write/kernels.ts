/**
 * The element types for which runtimes compute an operator. ONNX allows more, but onnxruntime has kernels for these alone (its
 * docs/OperatorKernels.md, and tried with onnxruntime-web). Other types are computed as a wider one.
 */
import type { DType } from '../../core/scalar/dtype.ts'

const floats = ['f32', 'f64'] as const
const wide = [...floats, 'i32', 'i64'] as const
const numbers = [...wide, 'i8', 'u8', 'i16', 'u16', 'u32', 'u64'] as const
const extremes = [...wide, 'i8', 'u8'] as const
const single = ['f32'] as const
const integers = ['i8', 'u8', 'i16', 'u16', 'i32', 'u32', 'i64', 'u64'] as const

/** Operators that are not here move elements of all types. */
const table = {
  ...{ Add: numbers, Sub: numbers, Mul: numbers, Div: numbers, Mod: numbers, Pow: floats },
  ...{ Max: [...extremes, 'u32', 'u64'], Min: [...extremes, 'u32', 'u64'] },
  ...{ BitwiseAnd: integers, BitwiseOr: integers, BitwiseXor: integers, BitwiseNot: integers },
  ...{ BitShift: ['u32', 'u64'] },
  ...{ And: ['bool'], Or: ['bool'], Xor: ['bool'], Not: ['bool'] },
  ...{ Equal: [...numbers, 'bool'], Less: numbers, LessOrEqual: numbers, Greater: numbers, GreaterOrEqual: numbers },
  ...{ Neg: [...wide, 'i8', 'i16'], Abs: numbers, IsNaN: floats },
  ...{ Floor: floats, Ceil: floats, Round: floats, Sqrt: floats, Exp: floats, Log: floats, Sin: floats, Cos: floats },
  ...{ Tan: single, Asin: single, Acos: single, Atan: single, Sinh: single, Cosh: single, Tanh: floats },
  ...{ Asinh: single, Acosh: single, Atanh: single, Erf: single },
  ...{ Where: [...wide, 'u8'] },
  ...{ ReduceSum: wide, ReduceProd: wide, ReduceMax: extremes, ReduceMin: extremes, CumSum: wide },
  ...{ ArgMax: extremes, ArgMin: extremes, TopK: [...extremes, 'i16'] },
  ...{ MaxPool: [...floats, 'i8', 'u8'], Conv: single, MatMul: [...wide, 'u32', 'u64'] },
  ...{ Pad: [...wide, 'i8', 'u8', 'u32', 'u64', 'bool'], Range: wide },
} satisfies Readonly<Record<string, readonly DType[]>>

export type Computing = keyof typeof table

export const computes = (operator: Computing, dtype: DType): boolean =>
  (table[operator] as readonly DType[]).includes(dtype)

/** What holds all values of a type, and wraps to it. */
const wider: Readonly<Partial<Record<DType, DType>>> = {
  ...{ bool: 'i32', i2: 'i32', u2: 'i32', i4: 'i32', u4: 'i32', i8: 'i32', u8: 'i32', i16: 'i32', u16: 'i32' },
  ...{ i32: 'i64', u32: 'i64', f16: 'f32', bf16: 'f32' },
}

/**
 * The type in which to compute: `dtype` itself or the narrowest wider one. Of u64, i64: results that are taken modulo 2^64 are
 * the same. Where no runtime has such a kernel it is `dtype`, which ONNX allows.
 */
export function computeType(operator: Computing, dtype: DType): DType {
  for (let at: DType | undefined = dtype; at; at = wider[at]) if (computes(operator, at)) return at
  return dtype === 'u64' && computes(operator, 'i64') ? 'i64' : dtype
}
