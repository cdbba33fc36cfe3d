import type { PortNames } from '../../core/artefact/artefact.ts'
import type { Graph } from '../../core/graph.ts'
import { lookupRanges } from '../../core/analysis/lookup-ranges.ts'
import { isScores, isStrings, type Item } from '../item.ts'
import type { Bindings } from './bind.ts'
import type { OpenedOutputs } from './output-ports.ts'
import type { StringProgram } from './string-program.ts'
import type { Opened } from './structures.ts'

const namesIn = (item: Item | undefined): PortNames['outputs'][string] =>
  !item ? {} : isStrings(item) ? { labels: item.list } : isScores(item) ? { classes: item.classes } : {}

/** What the numbers at the boundary stand for. `values` are the model's inputs. */
export function namesOf(
  graph: Graph,
  values: ReadonlyMap<string, Item>,
  allBounds: Bindings['bounds'] = {},
  { sequences, optionals }: Opened,
  outputs: OpenedOutputs,
  script: StringProgram,
  encoded: ReadonlySet<string>,
): PortNames {
  const ranges = lookupRanges(graph)
  const { labels: texts } = script.ports()
  const named = (name: string, item: Item | undefined): PortNames['outputs'][string] =>
    texts.has(name) ? { labels: texts.get(name)! } : namesIn(item)
  const input = (name: string): PortNames['inputs'][string] => {
    const labels = named(name, values.get(name))
    const range = ranges.get(name)
    const bounds = Object.hasOwn(allBounds, name) ? allBounds[name] : undefined
    // The runtime looks strings up itself.
    const own = range && !('labels' in labels) ? { range, ...labels } : labels
    return { ...own, ...(bounds && { bounds }), ...(encoded.has(name) && { encoded: true as const }) }
  }
  const items = new Map(outputs.names.map((name, i) => [name, outputs.items[i]]))
  const all = [sequences, optionals, outputs.structures.sequences, outputs.structures.optionals]
  const strings = script.spec(outputs.strings)
  return {
    inputs: Object.fromEntries(graph.inputs.map(({ name }) => [name, input(name)] as const)),
    outputs: Object.fromEntries(
      graph.outputs
        .filter(({ name }) => items.has(name) || texts.has(name))
        .map(({ name }) => [name, named(name, items.get(name))] as const),
    ),
    // Only of models that have any.
    ...(all.some(({ length }) => length > 0) && {
      structures: { inputs: { sequences, optionals }, outputs: outputs.structures },
    }),
    ...(strings && { strings }),
  }
}
