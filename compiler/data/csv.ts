import { parse } from 'csv-parse/sync'
import { CompileError } from '../core/diagnostics/diagnostic.ts'
import { elementCount } from '../core/shape.ts'
import type { Tensor } from '../core/tensor.ts'
import { defaultLabel, takesRows, unusedNotes, valueOf, type Dataset, type InputType } from './samples.ts'
import { hasNone, malformed, notANumber, padHint, wrongColumns, tooMany } from './errors.ts'
import { reasonOf } from '../core/diagnostics/errors.ts'

export interface Row {
  readonly record: readonly string[]
  readonly line: number
}

/** A row or a cell takes a hundred times the memory of the two bytes that it may be in the file. */
const limits = { rows: 2 ** 21, cells: 2 ** 26, rowBytes: 2 ** 26 }

/**
 * A sample for each row below the header. Columns of an input `x` are called `x`, or `x.0`, `x.1` … in row-major order; a
 * model of one input takes all columns but the labels, whatever they are called. Labels are in column `y`, or what `label`
 * says, or in columns `y.0`, `y.1` … With `pad`, rows of integers may be of any length.
 */
export function readCsv(
  bytes: Uint8Array,
  inputs: readonly InputType[],
  what: string,
  label?: string,
  pad?: number,
): Dataset {
  const [head, ...rows] = rowsOf(bytes, what)
  if (!head || rows.length === 0) hasNone(what, 'rows below its header')
  const header = head.record
  const named = (name: string): number[] => {
    const at = header.flatMap((column, i) => (column === name || column.startsWith(`${name}.`) ? [i] : []))
    const place = (i: number): number => Number(header[i]!.slice(name.length + 1) || 0)
    return at.sort((a, b) => place(a) - place(b))
  }
  const labels = label ?? defaultLabel
  const isInput = inputs.some(({ name }) => name === labels)
  const labelColumns = isInput ? [] : named(labels)
  const columns = inputs.map((input) => {
    const own = named(input.name)
    const all = header.map((_, i) => i).filter((i) => !labelColumns.includes(i))
    const found = own.length === 0 && inputs.length === 1 ? all : own
    const count = elementCount(input.shape)
    const isRow = takesRows(input)
    if (found.length === count || (isRow && pad !== undefined && found.length > 0)) return found
    return wrongColumns(what, found.length, input.name, count, isRow ? padHint : undefined)
  })
  const number = ({ record, line }: Row, column: number): number => {
    const text = record[column]!.trim()
    const value = Number(text)
    if (text === '' || !Number.isFinite(value)) notANumber(what, line, header[column]!, text)
    return value
  }
  const samples = rows.map((row): Record<string, Tensor> => {
    const entries = inputs.map((input, i) => {
      const own = columns[i]!
      // A shorter row has empty cells at its end.
      const last = pad === undefined ? -1 : own.findLastIndex((column) => row.record[column]!.trim() !== '')
      const values = (pad === undefined ? own : own.slice(0, last + 1)).map((column) => number(row, column))
      const bad = (message: string, hint?: string): never =>
        malformed(`${what}, line ${row.line}`, `"${input.name}" has ${message}`, hint)
      return [input.name, valueOf(input, values, pad, bad)] as const
    })
    return Object.fromEntries(entries)
  })
  const used = new Set([...columns.flat(), ...labelColumns].map((i) => header[i]!))
  if (labelColumns.length > 0) used.add(labels)
  const notes = unusedNotes('column', header, used, label, what)
  if (labelColumns.length === 0) return { samples, notes }
  return { samples, notes, labels: rows.map((row) => labelColumns.map((column) => number(row, column))) }
}

export function rowsOf(bytes: Uint8Array, what: string): Row[] {
  let cells = 0
  let rows = 0
  const row = (record: readonly string[], { lines }: { lines: number }): Row => {
    rows++
    cells += record.length
    if (rows > limits.rows) tooMany(what, limits.rows, 'rows')
    if (cells > limits.cells) tooMany(what, limits.cells, 'cells')
    return { record, line: lines }
  }
  try {
    const options = { bom: true, skip_empty_lines: true, max_record_size: limits.rowBytes, on_record: row } as const
    return parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), options as object) as unknown as Row[]
  } catch (error) {
    if (error instanceof CompileError) throw error
    return malformed(what, reasonOf(error))
  }
}
