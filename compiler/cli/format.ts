import { printable } from '../core/diagnostics/printable.ts'

/** JSON in one line. Bigints become numbers where exact, else strings; NaN and infinities strings, as JSON has none. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, v: unknown) => {
    if (typeof v === 'bigint') return Number.isSafeInteger(Number(v)) ? Number(v) : String(v)
    return typeof v === 'number' && !Number.isFinite(v) ? String(v) : v
  })
}

/** Lines of rows in columns two spaces apart, all but the first and those named in `left` right-aligned. */
export function formatTable(cells: readonly (readonly string[])[], left: readonly number[] = []): string[] {
  const rows = cells.map((row) => row.map(printable))
  const widths = rows.reduce<number[]>((w, row) => row.map((cell, i) => Math.max(w[i] ?? 0, cell.length)), [])
  const align = (cell: string, i: number): string =>
    i === 0 || left.includes(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)
  return rows.map((row) => row.map(align).join('  ').trimEnd())
}

/** e.g. `1,234,567` */
export const formatCount = (n: number): string => n.toLocaleString('en-US')

/** Two to three significant digits: `1.2e-7`, `0`, `Infinity`. */
export const formatError = (x: number | null): string => (x === null ? '-' : x === 0 ? '0' : x.toPrecision(2))

/** Lines with an empty one between those of different paragraphs. */
export const paragraphs = (all: readonly (readonly string[])[]): string[] =>
  all.flatMap((lines, i) => (i === 0 ? lines : ['', ...lines]))
