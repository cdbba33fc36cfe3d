import type { Operator } from '../../context.ts'

export const identity: Operator = {
  floats: 'storage',
  items: true,
  freeStrings: true,
  lower: (c) => [c.item(0) ?? c.input(0)],
}
