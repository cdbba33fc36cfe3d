import { In, Out } from '../../roles'

/** 2G g (2G)ᵀ of the weights [9][C / 4][8][4] of eight channels: 16 planes [C / 2][8][2] of i16, `plane` bytes apart. */
export function i8_winograd_weights(w: In, u: Out, C: i32, plane: i32): void {
  const tap = C << 3
  for (let k = 0; k < tap; k += 8) {
    const p = w + k
    const g0 = pairs(p)
    const g1 = pairs(p + tap)
    const g2 = pairs(p + 2 * tap)
    const g3 = pairs(p + 3 * tap)
    const g4 = pairs(p + 4 * tap)
    const g5 = pairs(p + 5 * tap)
    const g6 = pairs(p + 6 * tap)
    const g7 = pairs(p + 7 * tap)
    const g8 = pairs(p + 8 * tap)
    const s0 = i16x8.add(g0, g6)
    const s1 = i16x8.add(g1, g7)
    const s2 = i16x8.add(g2, g8)
    // Four bytes of two channels: two pairs of one block of [8][2], and two of the next.
    let q = u + ((k & ~31) << 1) + (k & 31)
    weightRow(q, plane, i16x8.shl(g0, 1), i16x8.shl(g1, 1), i16x8.shl(g2, 1))
    q += 4 * plane
    weightRow(q, plane, i16x8.add(s0, g3), i16x8.add(s1, g4), i16x8.add(s2, g5))
    q += 4 * plane
    weightRow(q, plane, i16x8.sub(s0, g3), i16x8.sub(s1, g4), i16x8.sub(s2, g5))
    q += 4 * plane
    weightRow(q, plane, i16x8.shl(g6, 1), i16x8.shl(g7, 1), i16x8.shl(g8, 1))
  }
}

/** Four weights of each of two channels: first two of each, then the others. */
// @ts-ignore: decorator
@inline
function pairs(p: usize): v128 {
  const v = v128.load8x8_s(p)
  return i8x16.shuffle(v, v, 0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15)
}

// @ts-ignore: decorator
@inline
function weightRow(q: usize, plane: i32, a: v128, b: v128, c: v128): void {
  const sum = i16x8.add(a, c)
  storeWeights(q, i16x8.shl(a, 1))
  storeWeights(q + plane, i16x8.add(sum, b))
  storeWeights(q + 2 * plane, i16x8.sub(sum, b))
  storeWeights(q + 3 * plane, i16x8.shl(c, 1))
}

// @ts-ignore: decorator
@inline
function storeWeights(q: usize, v: v128): void {
  v128.store64_lane(q, v, 0)
  v128.store64_lane(q, v, 1, 32)
}
