import { OperandError } from './diagnostic.ts'

/** An OperandError that says `what` is wrong, unless `condition` holds: operands or attributes that an op does not take. */
export function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new OperandError(what)
}
