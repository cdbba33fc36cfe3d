import type { Builder } from '../core/builder.ts'
import * as f from '../core/scalar/formula.ts'
import type { Value } from '../core/graph.ts'
import { cos, sin } from '../core/math/index.ts'
import { tensorOf } from '../core/tensor.ts'

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

/** cos and sin of `turns` / `of` of a full turn, reduced in integers. */
const turn = (turns: number, of: number) => {
  const angle = (2 * Math.PI * (turns % of)) / of
  return { cos: cos(angle), sin: sin(angle) }
}

const table = (b: Builder, rows: number, columns: number, at: (row: number, column: number) => number): Value =>
  b.constant(
    tensorOf(
      'f32',
      [rows, columns],
      range(rows * columns).map((i) => at(Math.floor(i / columns), i % columns)),
    ),
  )

/** How a transform of `length` points is done in two: `length` = `first` · `second`. */
export interface Factors {
  readonly first: number
  readonly second: number
}

/** The factors with the least work and the smallest tables: `first` + 2 `second` is least. */
export function factorsOf(length: number): Factors {
  let best = { first: length, second: 1 }
  for (let second = 2; second * second <= length; second++) {
    const first = length / second
    if (Number.isInteger(first) && first + 2 * second < best.first + 2 * best.second) best = { first, second }
  }
  return best
}

/** How many numbers the tables of a transform have at most, of frames of `given` points. */
export function tableSize(given: number, length: number): number {
  const { first, second } = factorsOf(length)
  return Math.ceil(given / second) * (first + 2) + 2 * second * (first / 2 + 1) + 4 * second * second
}

/** |X|² of the bins of a transform: `place[k]` says where bin k stands in the last axis of `power`. */
export interface Spectrum {
  readonly power: Value
  readonly place: (bin: number) => number
}

/**
 * The power spectrum of real frames f32[frames, n], n ≤ `length`, with zeros after them, up to bin `length` / 2. It is Cooley and
 * Tukey's factorization in two products with small tables: point n = second · n₁ + n₂ and bin k = k₁ + first · k₂,
 *
 *     X[k] = Σₙ₂ W(second)^(n₂k₂) · W(length)^(n₂k₁) · Σₙ₁ x[n] W(first)^(n₁k₁)
 *
 * Frames are real, so that k₁ up to first / 2 is enough: the others are their mirror images. Only the k₂ with a bin of `low` to `high` are computed.
 */
export function powerSpectrum(b: Builder, frames: Value, length: number, low: number, high: number): Spectrum {
  const { first, second } = factorsOf(length)
  const [count, given] = frames.type.shape as [number, number]
  const rows = Math.ceil(given / second)
  const half = Math.floor(first / 2) + 1
  const filled = b.pad(frames, b.scalar(0, 'f32'), [0, 0], [0, rows * second - given])

  const points = b.reshape(filled, [count, rows, second])
  const waves = table(b, rows, 2 * half, (n1, column) => {
    const { cos, sin } = turn(n1 * (column % half), first)
    return column < half ? cos : -sin
  })
  // [frames, n₂, (real, imaginary) k₁]
  const inner = b.dotGeneral(points, waves, { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] })
  const [real, imaginary] = [b.sliceAxis(inner, 2, 0, half), b.sliceAxis(inner, 2, half, half)]
  if (second === 1) {
    const power = b.map([real, imaginary], (re, im) => f.add(f.square(re), f.square(im)))
    return { power: b.reshape(power, [count, half]), place: (bin) => bin }
  }

  const cosines = table(b, second, half, (n2, k1) => turn(n2 * k1, length).cos)
  const sines = table(b, second, half, (n2, k1) => turn(n2 * k1, length).sin)
  const turned = [
    b.map([real, imaginary, cosines, sines], (re, im, c, s) => f.add(f.mul(re, c), f.mul(im, s))),
    b.map([real, imaginary, cosines, sines], (re, im, c, s) => f.sub(f.mul(im, c), f.mul(re, s))),
  ]
  const wanted = (bin: number): boolean => bin >= low && bin <= high
  const mirrored = (k: number): number => Math.min(k, length - k)
  const outer = range(second).filter((k2) => range(half).some((k1) => wanted(mirrored(k1 + first * k2))))
  const size = outer.length
  const waves2 = table(b, 2 * second, 2 * size, (row, column) => {
    const { cos, sin } = turn((row % second) * outer[column % size]!, second)
    const [fromReal, toReal] = [row < second, column < size]
    return fromReal === toReal ? cos : toReal ? sin : -sin
  })
  // [frames, k₁, (real, imaginary) n₂]
  const joined = b.transpose(b.concatenate(turned, 1), [0, 2, 1])
  const product = b.dotGeneral(joined, waves2, { lhsBatch: [], rhsBatch: [], lhsContract: [2], rhsContract: [0] })
  const power = b.map([b.sliceAxis(product, 2, 0, size), b.sliceAxis(product, 2, size, size)], (re, im) =>
    f.add(f.square(re), f.square(im)),
  )
  const place = (bin: number): number => {
    const own = bin % first < half ? bin : length - bin
    return (own % first) * size + outer.indexOf(Math.floor(own / first))
  }
  return { power: b.reshape(power, [count, half * size]), place }
}
