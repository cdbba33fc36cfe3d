import type { OpContext, Operator } from '../context.ts'
import { nothing } from '../item.ts'

const operator = (lower: Operator['lower']): Operator => ({ floats: 'storage', items: true, lower })

const isPresent = (c: OpContext): boolean => c.item(0) !== undefined && c.item(0) !== nothing

/** Whether an optional has a value is known while the model is imported; one that has is its value. */
export const optionalOperators: Readonly<Record<string, Operator>> = {
  Optional: operator((c) => [c.item(0) ?? nothing]),
  OptionalGetElement: operator((c: OpContext) => {
    c.check(isPresent(c), 'the optional has no value')
    return [c.item(0)!]
  }),
  OptionalHasElement: operator((c) => [c.b.scalar(isPresent(c) ? 1 : 0, 'bool')]),
}
