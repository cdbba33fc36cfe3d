import type { OpContext, Operator } from '../../context.ts'

export const bitShift: Operator = {
  lower: (c: OpContext) => {
    const direction = c.string('direction')
    c.check(direction === 'LEFT' || direction === 'RIGHT', `direction "${direction}"`)
    return [c.b.binary(direction === 'LEFT' ? 'shl' : 'shr', c.input(0), c.input(1))]
  },
}
