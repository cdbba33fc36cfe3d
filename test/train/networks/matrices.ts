/** Matrices of plain numbers for networks that are written by hand. */
export type Matrix = number[][]

export function range(n: number): number[] {
  const numbers: number[] = []
  for (let i = 0; i < n; i++) numbers.push(i)
  return numbers
}
export const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)

/** rows × columns of what stands row by row in `flat`. */
export const matrix = (flat: readonly number[], columns: number): Matrix =>
  range(flat.length / columns).map((i) => flat.slice(i * columns, (i + 1) * columns))

export const times = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) =>
    b[0]!.map((_, j) => {
      let total = 0
      for (let k = 0; k < row.length; k++) total += row[k]! * b[k]![j]!
      return total
    }),
  )
export const transposed = (a: Matrix): Matrix => a[0]!.map((_, j) => a.map((row) => row[j]!))
export const plus = (a: Matrix, b: Matrix): Matrix => a.map((row, i) => row.map((v, j) => v + b[i]![j]!))
export const plusRow = (a: Matrix, row: readonly number[]): Matrix => a.map((r) => r.map((v, j) => v + row[j]!))
export const scaled = (a: Matrix, by: number): Matrix => a.map((row) => row.map((v) => v * by))
export const columnSums = (a: Matrix): number[] => a[0]!.map((_, j) => sum(a.map((row) => row[j]!)))
export const columns = (a: Matrix, from: number, count: number): Matrix => a.map((row) => row.slice(from, from + count))

/** Adds `values` to what is in `total`. */
export function accumulate(total: number[], values: readonly number[]): void {
  values.forEach((v, i) => (total[i]! += v))
}
