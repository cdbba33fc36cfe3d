import { fail } from '../core/diagnostic.ts'
import type { Limit, Port, Value } from '../core/graph.ts'
import { isBounded, isScores, isStrings, isTensor, kindOf, type Item } from './item.ts'

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
