import type { OpContext, Operator } from '../../context.ts'
import { isOptional, nothing } from '../../item.ts'

const operator = (lower: Operator['lower']): Operator => ({ floats: 'storage', items: true, lower })

const isPresent = (c: OpContext): boolean => c.item(0) !== undefined && c.item(0) !== nothing

/** An optional that has a value for certain is its value. Where a run tells, the value of one that has none is anything. */
export const optionalOperators: Readonly<Record<string, Operator>> = {
  Optional: operator((c) => [c.item(0) ?? nothing]),
  OptionalGetElement: operator((c: OpContext) => {
    c.check(isPresent(c), 'the optional has no value')
    const item = c.item(0)!
    return [isOptional(item) ? item.optional : item]
  }),
  OptionalHasElement: operator((c) => {
    const item = c.item(0)
    return [item && isOptional(item) ? item.present : c.b.scalar(isPresent(c) ? 1 : 0, 'bool')]
  }),
}
