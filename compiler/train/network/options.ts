import { fail } from '../../core/diagnostics/diagnostic.ts'
import { initializers } from './initializers.ts'
import { noSuchField } from './no-such-field.ts'

/** What a value may be, and that in words. */
export type Check = readonly [legal: (x: unknown) => boolean, wanted: string]

export const count: Check = [(x) => Number.isSafeInteger(x) && (x as number) >= 1, 'a whole number from 1']
export const number: Check = [(x) => Number.isFinite(x), 'a number']
export const positive: Check = [(x) => Number.isFinite(x) && (x as number) > 0, 'a positive number']
/** Of what is kept or dropped, where all of it makes no sense. */
export const share: Check = [
  (x) => Number.isFinite(x) && (x as number) >= 0 && (x as number) < 1,
  'a number from 0 to below 1',
]
export const flag: Check = [(x) => typeof x === 'boolean', 'true or false']
export const padding: Check = [
  (x) => x === 'same' || x === 'valid' || (Number.isSafeInteger(x) && (x as number) >= 0),
  "'same', 'valid' or a whole number from 0",
]
export const initializer: Check = [
  (x) => typeof x === 'string' && Object.hasOwn(initializers, x),
  `one of ${Object.keys(initializers).join(', ')}`,
]

const shown = (x: unknown): string => (typeof x === 'function' ? 'a function' : (JSON.stringify(x) ?? String(x)))

/** A702 for a value of a layer that is none of its kind. */
export function checkArguments(
  kind: string,
  values: Readonly<Record<string, unknown>>,
  checks: Readonly<Record<string, Check>>,
): void {
  for (const [name, [legal, wanted]] of Object.entries(checks))
    if (!legal(values[name])) fail('A702', `${kind}: ${name} is ${shown(values[name])}, not ${wanted}`)
}

/** The same of options, which may be left out. A702 also for one that the layer does not have: it would have no effect. */
export function checkOptions<T extends object>(
  kind: string,
  options: T,
  checks: Readonly<Record<keyof T & string, Check>>,
): void {
  if (typeof options !== 'object' || options === null)
    fail('A702', `${kind}: its options are ${shown(options)}, not { … }`)
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(checks, name)) fail('A702', `${kind}: ${name}: ${noSuchField(name, Object.keys(checks))}`)
    const [legal, wanted] = checks[name as keyof T & string]
    if (value !== undefined && !legal(value)) fail('A702', `${kind}: ${name} is ${shown(value)}, not ${wanted}`)
  }
}
