import { cos, log } from '../math/index.ts'

/** Numbers in [0, 1), each another one. */
export type Random = () => number

/** Uniform in [0, 1), 32 bits at a time; the same seed gives the same numbers everywhere (xorshift32, Marsaglia 2003). */
export function uniform(seed: number): Random {
  // Spreads small seeds over all bits; zero is xorshift's fixed point.
  let state = Math.imul(seed + 1, 0x9e3779b1) || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

/** `count` of the numbers 0 … n − 1 in ascending order, each set equally likely (all of them if there are no more). */
export function choose(count: number, n: number, seed: number): number[] {
  const next = uniform(seed)
  const all = Array.from({ length: n }, (_, i) => i)
  const kept = Math.min(count, n)
  for (let i = 0; i < kept; i++) {
    const j = i + Math.floor(next() * (n - i))
    ;[all[i], all[j]] = [all[j]!, all[i]!]
  }
  return all.slice(0, kept).sort((a, b) => a - b)
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

/** A number of the normal distribution with mean 0 and deviation 1, from two draws (Box & Muller, 1958). */
export function normal(random: Random): number {
  const [u, v] = [1 - random(), random()]
  return Math.sqrt(-2 * log(u)) * cos(2 * Math.PI * v)
}
