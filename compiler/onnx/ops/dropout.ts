import type { OpContext, Operator } from '../context.ts'

/** Does nothing at inference; training mode is not supported. The mask is bool from opset 10 on. */
export const dropout: Operator = {
  floats: 'storage',
  limits: 'inference only',
  lower: (c: OpContext) => {
    const x = c.input(0)
    const trains = c.constantInts(2, [0])[0] !== 0 && c.constant(1).data[0] !== 0
    if (trains) c.unsupported('in training mode it is random')
    return [x, c.b.full(1, c.opset >= 10 ? 'bool' : x.type.dtype, x.type.shape)]
  },
}
