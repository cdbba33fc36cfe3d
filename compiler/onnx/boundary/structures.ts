import type { OptionalSpec, SequenceSpec } from '../../core/artefact/artefact.ts'
import type { Code } from '../../core/diagnostics/diagnostic.ts'
import type { Bindings } from './bind.ts'
import type { ValueInfo } from '../decode.ts'
import { isTensor, type Item } from '../item.ts'

/** Longer sequences are not meant. */
const maxLength = 4096

/** The names of the tensors that a sequence is at the boundary. */
export const elementName = (sequence: string, i: number): string => `${sequence}.${i}`

/** The name of the flag that tells whether an optional has a value. */
export const flagName = (optional: string): string => `${optional}.present`

/** Tensors in place of the model's sequences and optionals. */
export interface Opened {
  readonly tensors: readonly ValueInfo[]
  readonly sequences: readonly SequenceSpec[]
  readonly optionals: readonly OptionalSpec[]
}

type Report = (code: Code, message: string, hint?: string) => void

/** A sequence's length: as its shape says, or up to the last of its elements that is given. */
function lengthOf(name: string, { shapes = {}, bind = {} }: Bindings): number | undefined {
  if (Object.hasOwn(shapes, name)) return shapes[name]!.length === 1 ? shapes[name]![0] : undefined
  const places = [...Object.keys(shapes), ...Object.keys(bind)].flatMap((key) => {
    const place = key.startsWith(`${name}.`) ? key.slice(name.length + 1) : ''
    return /^\d{1,9}$/.test(place) ? [Number(place) + 1] : []
  })
  return places.length > 0 ? places.reduce((a, b) => Math.max(a, b)) : undefined
}

/**
 * Inputs that are sequences as their elements, `NAME.0`, `NAME.1` and so on, as many as the bindings say, and optionals as their value
 * and a flag, `NAME.present`. Reports A105 for a length that is not known; what is nested otherwise stays as it is.
 */
export function openInputs(inputs: readonly ValueInfo[], bindings: Bindings, report: Report): Opened {
  const sequences: SequenceSpec[] = []
  const optionals: OptionalSpec[] = []
  const sequence = (info: ValueInfo): ValueInfo[] => {
    const { name, typeName, element } = info
    if (typeName !== 'sequence' || !element || element.element || element.values) return [info]
    const length = lengthOf(name, bindings)
    if (length === undefined) {
      report(
        'A105',
        `the length of the sequence "${name}" is not bound`,
        `for example --shape ${name}=2, or --shape ${elementName(name, 0)}=… for each element`,
      )
      return []
    }
    if (length > maxLength) report('A301', `the sequence "${name}" of ${length} tensors; the limit is ${maxLength}`)
    const elements = Array.from({ length: Math.min(length, maxLength) }, (_, i) => elementName(name, i))
    sequences.push({ name, elements })
    // A symbol need not be one size in all elements.
    const isGiven = (each: string): boolean =>
      [bindings.shapes ?? {}, bindings.bind ?? {}].some((all) => Object.hasOwn(all, each))
    const anySize = element.shape?.map((d) => (typeof d === 'string' ? undefined : d))
    return elements.map((each) => ({ ...element, name: each, ...(isGiven(each) && { shape: anySize }) }))
  }
  const tensors = inputs.flatMap((info): ValueInfo[] => {
    const { name, typeName, element } = info
    if (typeName !== 'optional' || !element || element.typeName === 'optional') return sequence(info)
    optionals.push({ name, present: flagName(name) })
    const flag: ValueInfo = { name: flagName(name), dtype: 'bool', typeName: 'bool', shape: [] }
    return [flag, ...sequence({ ...element, name })]
  })
  return { tensors, sequences, optionals }
}

/** Sequences and optionals of the `values` of their tensors, added to these. */
export function assemble(values: Map<string, Item>, { sequences, optionals }: Opened): void {
  for (const { name, elements } of sequences) values.set(name, { elements: elements.map((each) => values.get(each)!) })
  for (const { name, present } of optionals) {
    const flag = values.get(present)!
    const value = values.get(name)
    if (value && isTensor(flag)) values.set(name, { optional: value, present: flag })
  }
}
