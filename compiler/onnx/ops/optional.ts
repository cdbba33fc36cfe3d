import type { Operator } from '../context.ts'

/** Every value is a tensor, so an optional that has one is this tensor; one that has none cannot be a value. */
export const optionalOperators: Readonly<Record<string, Operator>> = {
  Optional: { floats: 'storage', lower: (c) => [c.inputs[0] ?? c.unsupported('an optional without a value')] },
  OptionalGetElement: { floats: 'storage', lower: (c) => [c.input(0)] },
  OptionalHasElement: { floats: 'storage', lower: (c) => [c.b.scalar(c.inputs[0] ? 1 : 0, 'bool')] },
}
