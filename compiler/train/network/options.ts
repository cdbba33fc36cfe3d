import { fail } from '../../core/diagnostic.ts'

/** A702 for an option that a layer does not have: it would have no effect. */
export function checkNames<T extends object>(kind: string, options: T, names: Readonly<Record<keyof T, true>>): void {
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(names, name))
  if (unknown !== undefined)
    fail('A702', `${kind}: there is no option "${unknown}"`, { hint: `it has ${Object.keys(names).join(', ')}` })
}
