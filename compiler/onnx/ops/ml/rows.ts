import type { DType } from '../../../core/scalar/dtype.ts'
import type { Value } from '../../../core/graph.ts'
import type { OpContext } from '../../context.ts'

/** Input 0 as [rows, features]; one axis alone is one row. */
export function rows(c: OpContext): Value {
  const x = c.input(0)
  const { shape } = x.type
  if (shape.length !== 1 && shape.length !== 2)
    c.unsupported(`an input of rank ${shape.length}; rows of features are expected`)
  return c.b.reshape(x, shape.length === 1 ? [1, shape[0]!] : shape)
}

/** Input 0 as f32 [rows, features]. */
export const floatRows = (c: OpContext): Value => c.b.convert(rows(c), 'f32')

/** The dtype in which onnxruntime compares and computes: f64 for f64, f32 for all others. */
export const computeDType = (dtype: DType): 'f32' | 'f64' => (dtype === 'f64' ? 'f64' : 'f32')
