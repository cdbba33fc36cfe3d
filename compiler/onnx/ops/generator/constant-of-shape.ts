import { scalarTensor } from '../../../core/tensor.ts'
import type { OpContext, Operator } from '../../context.ts'

export const constantOfShape: Operator = {
  floats: 'storage',
  sized: true,
  lower: (c: OpContext) => {
    const value = c.has('value') ? c.tensor('value') : scalarTensor('f32', 0)
    c.check(value.data.length === 1, `value has ${value.data.length} elements`)
    const dims = c.sizes(0)
    const shape = dims.map((dim, i) => c.most(dim, `dimension ${i}`))
    return [c.sizedTo(c.b.broadcast(c.b.constant({ ...value, shape: [] }), shape), dims)]
  },
}
