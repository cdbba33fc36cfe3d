/**
 * Vocabulary pruning: tables of embeddings lose the rows that data never reads. Ids stay as they are, and a lookup in front of
 * the table finds their rows; or it is left out, and whoever makes the ids maps them.
 */
import { Builder } from '../../core/builder.ts'
import { fail } from '../../core/diagnostics/diagnostic.ts'
import { createNode, type Graph, type Node, type Value } from '../../core/graph.ts'
import { pick, tensorOf, toNumbers, typeBytes, type Tensor } from '../../core/tensor.ts'
import type { VocabularyReport, VocabularyTable } from '../../core/artefact/vocabulary-report.ts'
import { accuracyBetween, type Measuring } from '../accuracy/between.ts'
import { measuredOutput } from '../accuracy/metric.ts'
import type { Sample } from '../calibrate.ts'
import { noMeasuredOutput } from '../errors.ts'
import { prepare } from '../prepare.ts'
import { keptIds, lookupBytes, rowLookup, type KeptIds } from './lookup.ts'
import { patched, type Patchable } from './patched.ts'
import { placesOf, readRows, rowsOf, sourcesOf, tablesOf, type Table } from './tables.ts'

export interface VocabularyOptions extends Measuring {
  /** What tells which rows are read: values of the inputs that ids depend on. */
  readonly samples: readonly Sample[]
  /** What stands for ids whose rows go: the mean of these rows, or the row of an id. */
  readonly unknown: number | 'mean'
}

/** A table and what stays of it. */
export interface Kept {
  readonly table: Table
  /** Which rows stay, as flags. */
  readonly rows: Uint8Array
  /** The row that stands for those that go. */
  readonly unknown: number
  readonly tensor: Tensor
}

export interface Vocabulary<M> {
  readonly model: M
  readonly kept: readonly Kept[]
  readonly report: VocabularyReport
}

/**
 * A model whose tables have only rows that the samples read, and a lookup before each that finds the row of an id. Tables stay as they are
 * where the lookup would take more than goes.
 * @throws CompileError A506 where there is no table of which rows can go, or one that is used as a whole, too.
 */
export async function withVocabulary<M extends Patchable>(
  model: M,
  options: VocabularyOptions,
): Promise<Vocabulary<M>> {
  const { samples, unknown, executor, onProgress = () => {} } = options
  const { graph } = model
  if (options.validation && !measuredOutput(graph)) noMeasuredOutput()
  const tables = tablesOf(graph)
  const read = together(graph, tables, await readRows(graph, tables, samples, executor, onProgress))
  const kept = tables.flatMap((table, t): Kept[] => {
    const rows = read[t]!
    const gone = rows.filter((flag) => flag === 0).length
    const saved = (typeBytes(table.tensor) / rows.length) * gone
    return saved > lookupBytes(rows.length) ? [keptOf(table, rows, unknown)] : []
  })
  if (kept.length === 0) nothingGoes(tables, read)
  for (const { table } of kept) if (table.otherUse) isTied(table, table.otherUse, model)
  const known = new Map<string, KeptIds>()
  const after = withTables(model, kept, ({ table, rows, unknown }, ids) => {
    const b = new Builder(table.lookups[0]!.origin)
    const same = known.get(rows.join('')) ?? keptIds(b, rows)
    known.set(rows.join(''), same)
    return rowLookup(b, ids, same, unknown)
  })
  const { options: measuring } = prepare(graph, { ...options, calibration: [] })
  const { accuracy } = await accuracyBetween(graph, after.graph, measuring)
  return {
    model: after,
    kept,
    report: { samples: samples.length, tables: kept.map((each) => reportOf(each, model)), unknown, accuracy },
  }
}

/** Tables of as many rows that are looked up by the same inputs keep the same ones, so that one lookup serves all. */
function together(graph: Graph, tables: readonly Table[], read: readonly Uint8Array[]): Uint8Array[] {
  const alike = new Map<string, Uint8Array>()
  const keys = tables.map((table) => {
    const inputs = sourcesOf(graph, placesOf(table)).map(({ value }) =>
      graph.inputs.findIndex((p) => p.value === value),
    )
    return `${rowsOf(table)} ${inputs.join()}`
  })
  keys.forEach((key, t) => {
    const all = alike.get(key) ?? new Uint8Array(read[t]!.length)
    alike.set(key, all)
    read[t]!.forEach((flag, id) => (all[id]! |= flag))
  })
  return keys.map((key) => alike.get(key)!)
}

/** The inputs by which rows of tables are looked up. */
export const idInputs = (graph: Graph): Graph['inputs'] => sourcesOf(graph, tablesOf(graph).flatMap(placesOf))

function keptOf(table: Table, read: Uint8Array, unknown: number | 'mean'): Kept {
  const { tensor, axis } = table
  const rows = read.slice()
  if (unknown !== 'mean') {
    if (unknown >= rows.length)
      fail('A501', `unknown: there is no row ${unknown} in a table of ${rows.length}`, {
        hint: `ids are from 0 to ${rows.length - 1}`,
      })
    rows[unknown] = 1
  }
  const places = [...rows.keys()]
  const [stay, gone] = [places.filter((id) => rows[id]), places.filter((id) => !rows[id])]
  const along = (list: readonly number[]) => tensor.shape.map((_, i) => (i === axis ? list : undefined))
  const left = pick(tensor, along(stay))
  if (unknown !== 'mean') return { table, rows, unknown: stay.indexOf(unknown), tensor: left }
  const mean = meanAlong(pick(tensor, along(gone)), axis)
  return { table, rows, unknown: stay.length, tensor: joined(left, mean, axis) }
}

/** The mean over an axis, which has one position then. */
function meanAlong(t: Tensor, axis: number): Tensor {
  const [count, inner] = [t.shape[axis]!, t.shape.slice(axis + 1).reduce((n, d) => n * d, 1)]
  const values = toNumbers(t)
  const shape = t.shape.with(axis, 1)
  const sums = new Array<number>(values.length / Math.max(1, count)).fill(0)
  values.forEach((x, i) => (sums[Math.floor(i / (inner * count)) * inner + (i % inner)]! += x / count))
  return tensorOf(t.dtype, shape, sums)
}

/** Two tensors behind one another along an axis. */
function joined(a: Tensor, b: Tensor, axis: number): Tensor {
  const lengthOf = (t: Tensor): number => t.shape.slice(axis).reduce((n, d) => n * d, 1)
  const [first, second] = [lengthOf(a), lengthOf(b)]
  const shape = a.shape.with(axis, a.shape[axis]! + b.shape[axis]!)
  const [x, y] = [toNumbers(a), toNumbers(b)]
  const blocks = Array.from({ length: x.length / Math.max(1, first) }, (_, i) => [
    ...x.slice(i * first, (i + 1) * first),
    ...y.slice(i * second, (i + 1) * second),
  ])
  return tensorOf(a.dtype, shape, blocks.flat())
}

/** The model with other tables, whose rows are at the places that `rowsFor` makes of ids. */
export function withTables<M extends Patchable>(
  model: M,
  kept: readonly Kept[],
  rowsFor: (of: Kept, ids: Value) => Value,
): M {
  const patch = new Map<Value, Value>()
  const constants = new Map<Value, Value>()
  for (const each of kept) {
    const { table, tensor } = each
    const { origin } = table.value.node
    const constant = new Builder(origin).constant(tensor)
    constants.set(table.value, constant)
    for (const lookup of table.lookups) {
      const ids = rowsFor(each, lookup.operands[1]!)
      const { results } = createNode('gather', [constant, ids], lookup.attrs, lookup.origin)
      patch.set(lookup.results[0]!, results[0]!)
    }
  }
  return patched(model, patch, constants)
}

/** What the model calls a table, or what reads it. */
export const nameOf = ({ tensor, lookups }: Table, { tensorNames }: Patchable): string =>
  tensorNames?.get(tensor) ?? lookups[0]!.origin?.node ?? 'a table'

function reportOf({ table, tensor }: Kept, model: Patchable): VocabularyTable {
  return {
    table: nameOf(table, model),
    rows: { before: rowsOf(table), after: tensor.shape[table.axis]! },
    bytes: { before: typeBytes(table.tensor), after: typeBytes(tensor) },
  }
}

function nothingGoes(tables: readonly Table[], read: readonly Uint8Array[]): never {
  const seen = tables.map((table, t) => `${read[t]!.filter((flag) => flag === 1).length} of ${rowsOf(table)}`)
  return fail('A506', 'vocabulary: there is no table of embeddings of which rows can go', {
    hint:
      seen.length === 0
        ? 'the model looks up no rows of a stored table of floats, outside of loops and branches, by what its inputs say'
        : `of its tables the data reads ${seen.join(', ')} rows, and what finds rows takes bytes, too`,
  })
}

function isTied(table: Table, use: Node, model: Patchable): never {
  const by = use.origin ? `node "${use.origin.node}" (${use.origin.operator})` : 'an output'
  return fail('A506', `vocabulary: table "${nameOf(table, model)}" cannot lose rows: ${by} takes all of it`, {
    ...(use.origin && { origin: use.origin }),
    hint: 'a table that the output is computed with, too, has a row for each of its scores',
  })
}
