import * as parts from '../../runtime/text/parts.ts'

export type PartName = keyof typeof parts

/** A call of a part of the runtime: what a tokenizer is, as data. It can be printed as a script, or made here. */
export interface Call {
  readonly part: PartName
  readonly args: readonly Value[]
}

export type Value =
  (string | number | boolean | null | RegExp | Call) | readonly Value[] | { readonly [name: string]: Value }

export const call = (part: PartName, ...args: readonly Value[]): Call => ({ part, args })

const isCall = (value: object): value is Call => 'part' in value

/** The value itself, in this process. */
export function evaluate(value: Value): unknown {
  if (value === null || typeof value !== 'object' || value instanceof RegExp) return value
  if (Array.isArray(value)) return value.map(evaluate)
  if (isCall(value)) return (parts[value.part] as (...args: unknown[]) => unknown)(...value.args.map(evaluate))
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, evaluate(member)]))
}

/** The same as JavaScript. */
export function print(value: Value): string {
  if (value instanceof RegExp) return String(value)
  if (typeof value === 'string') return quoted(value)
  if (value === null || typeof value !== 'object') return String(value)
  if (Array.isArray(value)) return `[${value.map(print).join(',')}]`
  if (isCall(value)) return `${value.part}(${value.args.map(print).join(',')})`
  return `{${Object.entries(value)
    .map(([name, member]) => `${name}:${print(member)}`)
    .join(',')}}`
}

/** The parts that a value calls. */
export function called(value: Value, found: Set<PartName> = new Set()): Set<PartName> {
  if (value === null || typeof value !== 'object' || value instanceof RegExp) return found
  if (!Array.isArray(value) && isCall(value)) found.add(value.part)
  const members = Array.isArray(value) ? value : isCall(value) ? value.args : Object.values(value)
  for (const member of members) called(member as Value, found)
  return found
}

/** A literal that stands safely in a script, even in one inside HTML. A template holds line breaks, which vocabularies have many of, in one byte. */
const quoted = (text: string): string =>
  '`' +
  text
    .replaceAll(/[\\`]|\$(?=\{)/g, '\\$&')
    .replaceAll('\r', '\\r')
    .replaceAll('\0', '\\x00')
    .replaceAll('</', '<\\/')
    .replaceAll('<!', '\\x3c!')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029') +
  '`'
