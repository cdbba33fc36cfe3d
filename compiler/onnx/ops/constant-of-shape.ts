import { scalarTensor } from '../../core/tensor.ts'
import type { OpContext, Operator } from '../context.ts'

export const constantOfShape: Operator = {
  floats: 'storage',
  lower: (c: OpContext) => {
    const value = c.has('value') ? c.tensor('value') : scalarTensor('f32', 0)
    c.check(value.data.length === 1, `value has ${value.data.length} elements`)
    return [c.b.broadcast(c.b.constant({ ...value, shape: [] }), c.constantInts(0))]
  },
}
