import type { Builder } from '../../core/builder.ts'
import * as expr from '../../core/scalar/expr.ts'
import type { Expr } from '../../core/scalar/expr.ts'
import * as f from '../../core/scalar/formula.ts'
import type { Value } from '../../core/graph.ts'
import { tensorOf } from '../../core/tensor.ts'

const wordBits = 32

const shiftRight = (x: Expr, by: number): Expr => expr.binary('shr', x, expr.constant(by, x.dtype))

/** How many bits of a u32 are 1 (Hacker's Delight, 5-1). */
function popcount(x: Expr): Expr {
  const pairs = f.sub(x, f.and(shiftRight(x, 1), 0x55555555))
  const fours = f.add(f.and(pairs, 0x33333333), f.and(shiftRight(pairs, 2), 0x33333333))
  const bytes = f.and(f.add(fours, shiftRight(fours, 4)), 0x0f0f0f0f)
  return shiftRight(f.mul(bytes, 0x01010101), 24)
}

/** Which ids are kept: a bit for each, and for each word of bits how many before it are 1 (rank of a bit vector; Jacobson, 1989). */
export interface KeptIds {
  readonly count: number
  /** u32[words]. */
  readonly bits: Value
  /** u16[words], or i32. */
  readonly before: Value
}

/** They take 6 bytes for each 32 ids. */
export function keptIds(b: Builder, kept: Uint8Array): KeptIds {
  const words = Math.ceil(kept.length / wordBits)
  const bits = new Array<number>(words).fill(0)
  const before = new Array<number>(words).fill(0)
  let count = 0
  kept.forEach((isKept, id) => {
    const word = Math.floor(id / wordBits)
    if (id % wordBits === 0) before[word] = count
    if (!isKept) return
    bits[word]! += 2 ** (id % wordBits)
    count++
  })
  return {
    count: kept.length,
    bits: b.constant(tensorOf('u32', [words], bits)),
    before: b.constant(tensorOf(count < 2 ** 16 ? 'u16' : 'i32', [words], before)),
  }
}

/** The row of each id among those that are kept, i32, `unknown` of an id that is not. Ids outside are the nearest. */
export function rowLookup(b: Builder, ids: Value, { count, bits, before }: KeptIds, unknown: number): Value {
  // Before a conversion, which would wrap ids of 64 bits.
  const id = b.map([ids], (i) => expr.convert(f.clamp(i!, 0, count - 1), 'u32'))
  const word = b.map([id], (i) => expr.convert(shiftRight(i!, 5), 'i32'))
  return b.map([id, b.take(bits, word, 0), b.take(before, word, 0)], (i, own, first) => {
    const bit = expr.binary('shl', expr.constant(1, 'u32'), f.and(i!, wordBits - 1))
    const rank = f.add(expr.convert(first!, 'u32'), popcount(f.and(own!, f.sub(bit, 1))))
    return expr.convert(f.select(f.ne(f.and(own!, bit), 0), rank, unknown), 'i32')
  })
}

/** What a lookup in a table of so many ids takes in a module, with its code in round figures. */
export const lookupBytes = (ids: number): number => Math.ceil(ids / wordBits) * 6 + 600
