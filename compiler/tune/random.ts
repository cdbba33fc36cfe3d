import { randomBits } from '../core/random/philox.ts'
import type { Random } from '../core/random/random.ts'

const key = 0x74756e65

/** What is drawn, with 53 bits each, for one trial, or for a study as a whole (`stream` 0 for trials): a function of seed and trial alone. */
export function randomOf(seed: number, trial: number, stream = 0): Random {
  let count = 0
  return () => {
    const [high, low] = randomBits([count++, trial, stream, key], [seed >>> 0, 0])
    return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53
  }
}
