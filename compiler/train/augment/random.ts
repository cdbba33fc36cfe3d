import { randomBits } from '../../core/random/philox.ts'
import type { Random } from '../../core/random/random.ts'

export { normal, type Random } from '../../core/random/random.ts'

const key = 0x61756773

/** What is drawn for one sample in one epoch: a function of seed, epoch and sample alone. */
export function randomFor(sample: number, epoch: number, seed: number): Random {
  let [count, bits] = [0, [] as readonly number[]]
  return () => {
    const at = count++ % 4
    if (at === 0) bits = randomBits([sample, epoch, count, key], [seed >>> 0, 0])
    return bits[at]! / 2 ** 32
  }
}

/** A number in [low, high). */
export const between = (random: Random, low: number, high: number): number => low + (high - low) * random()

/** A whole number from 0 to `count` − 1. */
export const below = (random: Random, count: number): number => Math.floor(random() * count)
