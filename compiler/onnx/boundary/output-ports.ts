import { fail } from '../../core/diagnostics/diagnostic.ts'
import type { OptionalSpec, SequenceSpec, StringsSpec, Structures } from '../../core/artefact/artefact.ts'
import { Builder } from '../../core/builder.ts'
import type { Limit, Port, Value } from '../../core/graph.ts'
import {
  isBounded,
  isFree,
  isOptional,
  isScores,
  isSequence,
  isStrings,
  isTensor,
  kindOf,
  nothing,
  type Item,
} from '../item.ts'
import { elementName, flagName } from './structures.ts'

/** What `openOutputs` makes. */
export interface OpenedOutputs {
  readonly names: readonly string[]
  readonly items: readonly Item[]
  readonly structures: Structures
  /** Outputs that the script computes. */
  readonly strings: StringsSpec['outputs']
}

/** Outputs as tensors: sequences as their elements, optionals, and what is `declared` one, as their value and a flag. */
export function openOutputs(
  names: readonly string[],
  items: readonly Item[],
  declared: ReadonlySet<string>,
): OpenedOutputs {
  const strings: { name: string; value: string }[] = []
  const found: (readonly [name: string, item: Item])[] = []
  const sequences: SequenceSpec[] = []
  const optionals: OptionalSpec[] = []
  const add = (name: string, item: Item): void => {
    if (isOptional(item) || item === nothing || declared.has(name)) {
      const present = flagName(name)
      optionals.push({ name, present })
      const known = new Builder(undefined).scalar(item === nothing ? 0 : 1, 'bool')
      found.push([present, isOptional(item) ? item.present : known])
    }
    const free = isFree(item) ? item : isStrings(item) ? item.free : undefined
    if (free) strings.push({ name, value: free.value })
    else if (item !== nothing) addValue(name, isOptional(item) ? item.optional : item)
  }
  const addValue = (name: string, item: Item): void => {
    if (!isSequence(item)) return void found.push([name, item])
    const elements = item.elements.map((_, i) => elementName(name, i))
    sequences.push({ name, elements })
    item.elements.forEach((element, i) => found.push([elements[i]!, element]))
  }
  names.forEach((name, i) => add(name, items[i]!))
  const all = found.map(([name]) => name)
  const twice = all.find((name, i) => all.indexOf(name) < i)
  if (twice !== undefined)
    fail('A203', `two outputs would be "${twice}": one is an element of a sequence or the flag of an optional`)
  return { names: all, items: found.map(([, item]) => item), structures: { sequences, optionals }, strings }
}

function tensorIn(item: Item, name: string): Value {
  if (isTensor(item)) return item
  if (isStrings(item) && item.open)
    fail('A203', `output "${name}" is strings of an input, of which only those that a node names are known`)
  if (isStrings(item)) return item.places
  return isScores(item) ? item.scores : fail('A203', `output "${name}" is ${kindOf(item)}, not a tensor`)
}

/** A name that is not `taken` yet, and is then. */
function unique(wanted: string, taken: Set<string>): string {
  let own = wanted
  while (taken.has(own)) own += '.count'
  taken.add(own)
  return own
}

/** The outputs, then those that count elements where sizes depend on data, then those that tell whether these are within bounds. */
export function outputPorts(
  names: readonly string[],
  results: readonly Item[],
  limits: ReadonlyMap<Value, Limit>,
): Port[] {
  const counts = new Map<Value, Port>()
  const taken = new Set(names)
  const outputs = names.map((name, i): Port => {
    const item = results[i]!
    if (!isBounded(item)) return { name, value: tensorIn(item, name) }
    // The runtime shortens outer axes first.
    const lengths = item.lengths.toSorted((a, b) => a.axis - b.axis)
    const extents = lengths.map(({ axis, count }) => {
      const port = counts.get(count) ?? { name: unique(`${name}.count`, taken), value: count }
      counts.set(count, port)
      return { axis, count: port.name }
    })
    return { name, value: item.padded, extents }
  })
  const checks = [...limits].map(([value, limit]) => ({ name: unique(`${limit.of}.limit`, taken), value, limit }))
  return [...outputs, ...counts.values(), ...checks]
}
