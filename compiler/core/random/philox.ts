import { binary, constant, convert, type Expr } from '../scalar/expr.ts'
import * as f from '../scalar/formula.ts'

/**
 * Philox 4x32-10 (Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011): four u32 of random
 * bits from a counter of four u32 and a key of two. Integer operations alone, so that all engines agree on each bit.
 */
export function philox(counter: readonly Expr[], key: readonly [number, number]): Expr[] {
  let [a, b, c, d] = counter as [Expr, Expr, Expr, Expr]
  let [k, l] = key
  for (let round = 0; round < rounds; round++) {
    const [high, low] = product(a, multipliers[0])
    const [high2, low2] = product(c, multipliers[1])
    ;[a, b, c, d] = [f.xor(f.xor(high2, b), k >>> 0), low2, f.xor(f.xor(high, d), l >>> 0), low]
    k += increments[0]
    l += increments[1]
  }
  return [a, b, c, d]
}

const rounds = 10
const multipliers = [0xd2511f53, 0xcd9e8d57] as const
const increments = [0x9e3779b9, 0xbb67ae85] as const

/** The upper and lower 32 bits of x × m. */
function product(x: Expr, m: number): [Expr, Expr] {
  const wide = f.mul(convert(x, 'u64'), m)
  return [convert(binary('shr', wide, constant(32, 'u64')), 'u32'), convert(wide, 'u32')]
}

/** The upper 24 of random bits as f32 in [0, 1). */
export const unitInterval = (bits: Expr): Expr =>
  f.mul(convert(binary('shr', bits, constant(8, 'u32')), 'f32'), 2 ** -24)

/** The same as numbers: four u32 of random bits from four u32 and a key of two. */
export function randomBits(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): [number, number, number, number] {
  let [a, b, c, d] = counter
  let [k, l] = key
  for (let round = 0; round < rounds; round++) {
    const [high, low] = wideProduct(a, multipliers[0])
    const [high2, low2] = wideProduct(c, multipliers[1])
    ;[a, b, c, d] = [(high2 ^ b ^ k) >>> 0, low2, (high ^ d ^ l) >>> 0, low]
    k = (k + increments[0]) >>> 0
    l = (l + increments[1]) >>> 0
  }
  return [a >>> 0, b >>> 0, c >>> 0, d >>> 0]
}

/** The upper and lower 32 bits of x × m, by halves of 16 bits, of which doubles hold all sums. */
function wideProduct(x: number, m: number): [number, number] {
  const [high, low] = [m >>> 16, m & 0xffff]
  const upper = x * high
  const lower = x * low
  const sum = (upper % 65536) * 65536 + lower
  return [Math.floor(upper / 65536) + Math.floor(sum / 2 ** 32), sum >>> 0]
}
