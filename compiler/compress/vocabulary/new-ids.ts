import { preprocessKey } from '../../core/artefact/artefact.ts'
import { Builder } from '../../core/builder.ts'
import { fail } from '../../core/diagnostics/diagnostic.ts'
import * as expr from '../../core/scalar/expr.ts'
import { allNodesOf, createNode, type Graph, type Node, type Value } from '../../core/graph.ts'
import { wrapped } from '../../core/analysis/lookup-ranges.ts'
import { tensorOf, toNumbers } from '../../core/tensor.ts'
import type { Sample } from '../calibrate.ts'
import type { Patchable } from './patched.ts'
import { placesOf, rowsOf, sourcesOf } from './tables.ts'
import { nameOf, withTables, type Kept } from './vocabulary.ts'

/** Ids of an input as rows of what is left of its tables. */
export interface IdMap {
  /** The old id of each new one. */
  readonly ids: readonly number[]
  /** The new id of all others. */
  readonly unknown: number
}

/** A model that takes new ids. */
export interface NewIds<M> {
  readonly model: M
  /** By the input's name. */
  readonly maps: Readonly<Record<string, IdMap>>
  /** A sample with new ids. */
  readonly mapped: (sample: Sample) => Sample
}

/**
 * The model with the tables that `withVocabulary` left, whose inputs are places in them: there is no lookup, and who makes ids maps them.
 * @throws CompileError A506 where ids are used for other things, too.
 */
export function withNewIds<M extends Patchable>(model: M, kept: readonly Kept[]): NewIds<M> {
  const { graph } = model
  const paths = new Set<Node>(kept.flatMap(({ table }) => table.lookups))
  const byInput = new Map<string, Kept>()
  for (const each of kept) {
    const [port, ...others] = sourcesOf(graph, placesOf(each.table))
    const same = port && byInput.get(port.name)
    if (!port || others.length > 0 || (same && same.rows.join() !== each.rows.join()))
      cannot(`table "${nameOf(each.table, model)}" is looked up by what several inputs or tables say`)
    byInput.set(port!.name, each)
  }
  const after = withTables(model, kept, ({ table }, ids) => {
    const found = withoutWrap(ids, rowsOf(table), paths)
    return found ?? cannot(`table "${nameOf(table, model)}" is looked up by what is computed of ids`)
  })
  for (const { name, value } of graph.inputs)
    if (byInput.has(name) && isUsedOutside(graph, value, paths)) cannot(`input "${name}" is not only looked up`)
  const names = Object.entries(model.names.inputs).map(([name, own]) => {
    const each = byInput.get(name)
    return [name, each ? { ...own, range: [0, each.tensor.shape[each.table.axis]! - 1] as const } : own] as const
  })
  const news = new Map([...byInput].map(([name, each]) => [name, newIdOf(each)]))
  return {
    model: {
      ...after,
      names: { ...model.names, inputs: Object.fromEntries(names) },
      metadata: withPad(model, news),
    },
    maps: Object.fromEntries(
      [...byInput].map(([name, { rows, unknown }]) => [
        name,
        { ids: [...rows.keys()].filter((id) => rows[id]), unknown },
      ]),
    ),
    mapped: (sample) =>
      Object.fromEntries(
        Object.entries(sample).map(([name, t]) => {
          const newId = news.get(name)
          return [name, newId ? tensorOf(t.dtype, t.shape, toNumbers(t).map(newId)) : t]
        }),
      ),
  }
}

function cannot(why: string): never {
  return fail('A506', `vocabulary: there can be no map of ids: ${why}`, {
    hint: 'without --vocabulary-map the module finds the rows itself',
  })
}

/** The new id of an old one: negative ones count from the end, and those outside are the nearest. */
function newIdOf({ rows, unknown }: Kept): (id: number) => number {
  let count = 0
  const places = Int32Array.from(rows, (isKept) => (isKept ? count++ : unknown))
  return (id) => places[Math.max(0, Math.min(places.length - 1, id < 0 ? id + places.length : id))]!
}

/** What fills up shorter rows of ids, as a new id. It fills up all inputs. */
function withPad(
  { graph, metadata }: Patchable,
  news: ReadonlyMap<string, (id: number) => number>,
): Readonly<Record<string, string>> {
  const text = metadata[preprocessKey]
  const { pad, ...known } = text === undefined ? {} : (JSON.parse(text) as { pad?: unknown })
  if (typeof pad !== 'number') return metadata
  const pads = new Set(graph.inputs.map(({ name }) => news.get(name)?.(pad) ?? pad))
  if (pads.size > 1) cannot(`id ${pad}, which fills up shorter rows of all inputs, becomes another in some of them`)
  return { ...metadata, [preprocessKey]: JSON.stringify({ ...known, pad: [...pads][0] }) }
}

/** Ids without what makes negative ones count from the end of `size` rows; adds the nodes between to `path`. */
function withoutWrap(ids: Value, size: number, path: Set<Node>): Value | undefined {
  const { node } = ids
  if (node.op === 'input') return ids
  const [operand] = node.operands
  if (node.operands.length !== 1 || !['reshape', 'transpose', 'broadcast_in_dim', 'map'].includes(node.op))
    return undefined
  const before = withoutWrap(operand!, size, path)
  path.add(node)
  if (!before) return undefined
  if (node.op !== 'map') return createNode(node.op, [before], node.attrs as never, node.origin).results[0]!
  const wrap = wrapped(node.attrs.expr)
  if (wrap === undefined || (wrap !== 0 && wrap !== size)) return undefined
  return new Builder(node.origin).map([before], (x) => expr.convert(x!, ids.type.dtype))
}

/** Whether something besides nodes of `path` takes the input or what they make of it. */
function isUsedOutside(graph: Graph, input: Value, path: ReadonlySet<Node>): boolean {
  const seen = new Set<Value>([input])
  for (const node of allNodesOf(graph)) {
    if (!node.operands.some((o) => seen.has(o))) continue
    if (!path.has(node)) return true
    if (node.op !== 'gather') node.results.forEach((result) => seen.add(result))
  }
  return graph.outputs.some(({ value }) => seen.has(value))
}
