import {
  stringOperations,
  type ModuleSpec,
  type PortSpec,
  type StringsSpec,
  type Structures,
} from '../core/artefact/artefact.ts'

type Ports = readonly PortSpec[]
type Rows = readonly Readonly<Record<string, unknown>>[]

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isRows = (value: unknown): value is Rows => Array.isArray(value) && value.every(isRecord)

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((text) => typeof text === 'string')

const isDims = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((d) => Number.isInteger(d) && (d as number) >= 0)

const has = (ports: Ports, name: unknown): boolean => ports.some((port) => port.name === name)

const isHalf = (value: unknown, ports: Ports): value is Structures =>
  isRecord(value) &&
  isRows(value.sequences) &&
  isRows(value.optionals) &&
  value.sequences.every(
    ({ name, elements }) => typeof name === 'string' && isTexts(elements) && elements.every((each) => has(ports, each)),
  ) &&
  value.optionals.every(({ name, present }) => typeof name === 'string' && has(ports, present))

/** Whether sequences and optionals are of tensors that are there. */
export const isStructures = (
  value: unknown,
  inputs: Ports,
  outputs: Ports,
): value is NonNullable<ModuleSpec['structures']> =>
  isRecord(value) && isHalf(value.inputs, inputs) && isHalf(value.outputs, outputs)

/** Whether each step has what it needs, from inputs or steps before it. */
export function isStrings(value: unknown, inputs: Ports, outputs: Ports): value is StringsSpec {
  if (!isRecord(value)) return false
  const { inputs: texts, steps, given, taken, outputs: made } = value
  if (!isRows(texts) || !isRows(steps) || !isRows(given) || !isRows(made) || !isTexts(taken)) return false
  if (!texts.every(({ name, shape }) => typeof name === 'string' && isDims(shape))) return false
  const known = new Set<unknown>(texts.map(({ name }) => name))
  for (const { op, args, to, strings = [], shape = [], how = '', most = 0, without = [], exact = true } of steps) {
    const isKnown = (stringOperations as readonly unknown[]).includes(op)
    if (!isKnown || typeof to !== 'string' || !isTexts(args) || !args.every((arg) => known.has(arg))) return false
    if (!isTexts(strings) || !isDims(shape) || !isTexts(without)) return false
    if (typeof how !== 'string' || !Number.isInteger(most) || typeof exact !== 'boolean') return false
    if (op === 'output' && !has(outputs, how)) return false
    known.add(to)
  }
  return (
    given.every(({ input, value: from }) => has(inputs, input) && known.has(from)) &&
    made.every(({ name, value: from }) => typeof name === 'string' && known.has(from)) &&
    taken.every((name) => has(outputs, name))
  )
}
