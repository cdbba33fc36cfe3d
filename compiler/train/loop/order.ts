import { randomBits } from '../../core/random/philox.ts'

/** The numbers 0 … count − 1 in an order that is a function of seed and epoch (Fisher & Yates, by Durstenfeld, 1964). */
export function shuffled(count: number, seed: number, epoch: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i)
  const key = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0] as const
  let bits: readonly number[] = []
  for (let i = count - 1; i > 0; i--) {
    const at = (count - 1 - i) % 4
    if (at === 0) bits = randomBits([i, epoch, 0, 0x6f726465], key)
    // Of 32 bits: the bias is below count / 2^32.
    const j = Math.floor((bits[at]! / 2 ** 32) * (i + 1))
    ;[order[i], order[j]] = [order[j]!, order[i]!]
  }
  return order
}
