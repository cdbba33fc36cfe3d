import { load8 } from './extend'

/**
 * What `u8_winograd_i16_3x3` shares with its copies: transformed inputs of `TH` rows of `TW` tiles, whose top left elements
 * stand two rows of `xrow` bytes and two pixels of `xpix` bytes apart, as 16 planes [TH · TW][C] of i16, `plane` bytes apart.
 */
export function u8_winograd_input(x: usize, v: usize, TH: i32, TW: i32, C: i32, xrow: i32, xpix: i32, plane: i32): void {
  for (; TH > 0; TH--) {
    let r = x
    for (let left = TW; left > 0; left--) {
      for (let k = 0; k < C; k += 8) {
        transformInput(r + k, v, xrow, xpix, plane)
        v += 16
      }
      r += xpix << 1
    }
    x += xrow << 1
  }
}

/** 2G g (2G)ᵀ of eight channels' weights [9][C / 4][8][4], as 16 planes [C / 2][8][2] of i16, `plane` bytes apart. */
export function i8_winograd_weights(w: usize, u: usize, C: i32, plane: i32): void {
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

/** Bᵀ d B of eight channels of a tile. */
// @ts-ignore: decorator
@inline
function transformInput(p: usize, to: usize, xrow: i32, xpix: i32, plane: i32): void {
  const p1 = p + xrow
  const p2 = p1 + xrow
  const p3 = p2 + xrow
  const a0 = load8(p1)
  const a1 = load8(p1 + xpix)
  const a2 = load8(p1 + 2 * xpix)
  const a3 = load8(p1 + 3 * xpix)
  const b0 = load8(p2)
  const b1 = load8(p2 + xpix)
  const b2 = load8(p2 + 2 * xpix)
  const b3 = load8(p2 + 3 * xpix)
  inputRow(
    to,
    plane,
    i16x8.sub(load8(p), b0),
    i16x8.sub(load8(p + xpix), b1),
    i16x8.sub(load8(p + 2 * xpix), b2),
    i16x8.sub(load8(p + 3 * xpix), b3),
  )
  to += 4 * plane
  inputRow(to, plane, i16x8.add(a0, b0), i16x8.add(a1, b1), i16x8.add(a2, b2), i16x8.add(a3, b3))
  to += 4 * plane
  inputRow(to, plane, i16x8.sub(b0, a0), i16x8.sub(b1, a1), i16x8.sub(b2, a2), i16x8.sub(b3, a3))
  to += 4 * plane
  inputRow(
    to,
    plane,
    i16x8.sub(a0, load8(p3)),
    i16x8.sub(a1, load8(p3 + xpix)),
    i16x8.sub(a2, load8(p3 + 2 * xpix)),
    i16x8.sub(a3, load8(p3 + 3 * xpix)),
  )
}

// @ts-ignore: decorator
@inline
function inputRow(q: usize, plane: i32, d0: v128, d1: v128, d2: v128, d3: v128): void {
  v128.store(q, i16x8.sub(d0, d2))
  v128.store(q + plane, i16x8.add(d1, d2))
  v128.store(q + 2 * plane, i16x8.sub(d2, d1))
  v128.store(q + 3 * plane, i16x8.sub(d1, d3))
}

/** Products of four tiles of 16 planes [C] and eight channels' weights, 16 planes [4][8] of i32 one behind the other at `m`. */
export function i16_winograd_products(v: usize, u: usize, m: usize, C: i32, vplane: i32, uplane: i32): void {
  const row = C << 1
  for (let plane = 16; plane > 0; plane--) {
    multiply(v, u, m, row)
    v += vplane
    u += uplane
    m += 128
  }
}

/** Four tiles [C] · weights [C / 2][8][2]. */
// @ts-ignore: decorator
@inline
function multiply(a0: usize, p: usize, q: usize, row: i32): void {
  let a1 = a0 + row
  let a2 = a1 + row
  let a3 = a2 + row
  const end = a1
  let c00 = i32x4.splat(0)
  let c01 = c00
  let c10 = c00
  let c11 = c00
  let c20 = c00
  let c21 = c00
  let c30 = c00
  let c31 = c00
  do {
    const w0 = v128.load(p)
    const w1 = v128.load(p, 16)
    const x0 = v128.load32_splat(a0)
    c00 = i32x4.add(c00, i32x4.dot_i16x8_s(x0, w0))
    c01 = i32x4.add(c01, i32x4.dot_i16x8_s(x0, w1))
    const x1 = v128.load32_splat(a1)
    c10 = i32x4.add(c10, i32x4.dot_i16x8_s(x1, w0))
    c11 = i32x4.add(c11, i32x4.dot_i16x8_s(x1, w1))
    const x2 = v128.load32_splat(a2)
    c20 = i32x4.add(c20, i32x4.dot_i16x8_s(x2, w0))
    c21 = i32x4.add(c21, i32x4.dot_i16x8_s(x2, w1))
    const x3 = v128.load32_splat(a3)
    c30 = i32x4.add(c30, i32x4.dot_i16x8_s(x3, w0))
    c31 = i32x4.add(c31, i32x4.dot_i16x8_s(x3, w1))
    a0 += 4
    a1 += 4
    a2 += 4
    a3 += 4
    p += 32
  } while (a0 < end)
  v128.store(q, c00)
  v128.store(q, c01, 16)
  v128.store(q, c10, 32)
  v128.store(q, c11, 48)
  v128.store(q, c20, 64)
  v128.store(q, c21, 80)
  v128.store(q, c30, 96)
  v128.store(q, c31, 112)
}
