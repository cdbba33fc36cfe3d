import type { Builder } from '../core/builder.ts'
import type { Value } from '../core/graph.ts'
import { cos, sin } from '../core/math.ts'
import * as f from '../core/formula.ts'

/** A real transform of `rows * columns` points as two products: point `columns * i + j`, bin `k + rows * l`. */
export interface Factors {
  readonly rows: number
  readonly columns: number
}

/** The factors of a length whose transform takes the fewest products. A prime has one factor alone. */
export function factorsOf(length: number): Factors {
  let best = { rows: length, columns: 1 }
  for (let columns = 2; columns * columns <= length; columns++)
    if (length % columns === 0) best = { rows: length / columns, columns }
  return best
}

/** For each place of `powerSpectrum`'s result, its bin of 0 … length / 2; undefined where it stands at another place, too. */
export function binsOf({ rows, columns }: Factors): (number | undefined)[] {
  const length = rows * columns
  const seen = new Set<number>()
  return Array.from({ length: (Math.floor(rows / 2) + 1) * columns }, (_, place) => {
    const bin = Math.floor(place / columns) + rows * (place % columns)
    // Of a real signal, bin k has the power of bin length - k.
    const folded = Math.min(bin, length - bin)
    if (seen.has(folded)) return undefined
    seen.add(folded)
    return folded
  })
}

/** cos and -sin of 2πn/length; angles are reduced in integers. */
const wave = (n: number, length: number): readonly [cos: number, sin: number] => {
  const angle = (2 * Math.PI * (n % length)) / length
  return [cos(angle), -sin(angle)]
}

/**
 * |X|² of f32 pieces [T, points]: [T, places], places as `binsOf` says. Cooley and Tukey's factorization (An Algorithm for the Machine
 * Calculation of Complex Fourier Series, 1965): transforms of columns, a turn of each, transforms of rows. Points that are not there
 * are zeros and cost nothing. Half of the columns' results are conjugates of the others.
 */
export function powerSpectrum(b: Builder, pieces: Value, { rows, columns }: Factors): Value {
  const [count = 0, points = 0] = pieces.type.shape
  const length = rows * columns
  const given = Math.ceil(points / columns)
  const half = Math.floor(rows / 2) + 1
  const zero = b.scalar(0, 'f32')
  const x = b.reshape(b.pad(pieces, zero, [0, 0], [0, given * columns - points]), [count, given, columns])
  /** [given, half]: parts of the transform along columns. */
  const across = (part: 0 | 1): Value =>
    b.reshape(
      b.vector(
        table(given, half, (i, k) => wave(i * k, rows)[part]),
        'f32',
      ),
      [given, half],
    )
  const product = { lhsBatch: [], rhsBatch: [], rhsContract: [0] }
  // [T, columns, half]
  const [re, im] = ([0, 1] as const).map((part) => b.dotGeneral(x, across(part), { ...product, lhsContract: [1] }))
  if (columns === 1) {
    const power = b.map([re!, im!], (r, i) => f.add(f.square(r!), f.square(i!)))
    return b.reshape(power, [count, half])
  }
  const turn = (part: 0 | 1): Value =>
    b.reshape(
      b.vector(
        table(columns, half, (j, k) => wave(j * k, length)[part]),
        'f32',
      ),
      [columns, half],
    )
  const [c, s] = [turn(0), turn(1)]
  const turned = b.concatenate(
    [
      b.map([re!, im!, c, s], (r, i, c, s) => f.sub(f.mul(r!, c!), f.mul(i!, s!))),
      b.map([re!, im!, c, s], (r, i, c, s) => f.add(f.mul(r!, s!), f.mul(i!, c!))),
    ],
    1,
  )
  // [2 columns, 2 columns]: real and imaginary parts of the transform along rows.
  const down = b.vector(
    table(2 * columns, 2 * columns, (j, l) => {
      const [c, s] = wave((j % columns) * (l % columns), columns)
      if (j < columns) return l < columns ? c : s
      return l < columns ? -s : c
    }),
    'f32',
  )
  // [T, half, 2 columns]
  const spectrum = b.dotGeneral(turned, b.reshape(down, [2 * columns, 2 * columns]), { ...product, lhsContract: [1] })
  const part = (from: number): Value => b.sliceAxis(spectrum, 2, from, columns)
  const power = b.map([part(0), part(columns)], (r, i) => f.add(f.square(r!), f.square(i!)))
  return b.reshape(power, [count, half * columns])
}

const table = (rows: number, columns: number, at: (i: number, j: number) => number): number[] =>
  Array.from({ length: rows * columns }, (_, k) => at(Math.floor(k / columns), k % columns))
