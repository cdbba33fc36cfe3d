import { cos, log } from '../core/math.ts'
import { randomBits } from '../core/philox.ts'

/** Numbers in [0, 1), each another one, with 53 bits. */
export type Random = () => number

const key = 0x74756e65

/** What is drawn for one trial, or for a study as a whole (`stream` 0 for trials): a function of seed and trial alone. */
export function randomOf(seed: number, trial: number, stream = 0): Random {
  let count = 0
  return () => {
    const [high, low] = randomBits([count++, trial, stream, key], [seed >>> 0, 0])
    return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53
  }
}

/** A number of the normal distribution with mean 0 and deviation 1, from two draws (Box & Muller, 1958). */
export function normal(random: Random): number {
  const [u, v] = [1 - random(), random()]
  return Math.sqrt(-2 * log(u)) * cos(2 * Math.PI * v)
}

/** The numbers 0 … count − 1 in any order (Fisher & Yates, by Durstenfeld, 1964). */
export function permutation(random: Random, count: number): readonly number[] {
  const order = Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[order[i], order[j]] = [order[j]!, order[i]!]
  }
  return order
}
