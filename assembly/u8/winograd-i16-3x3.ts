import { load8 } from './extend'
import { finishFour, wide } from './store'

/** Bytes between planes beyond their contents: planes a power of two apart would share the lines of the cache. */
const gap = 64
const tilesTogether = 4

/**
 * The same as `u8_igemm_dot_4x8` for 3 × 3 taps and stride 1, OH and OW even, channels and CO multiples of 8, by Winograd's
 * F(2 × 2, 3 × 3) (Lavin & Gray 2016) in integers: weights are transformed by 2G, so that nothing is halved, and sums are a
 * multiple of 4 of the convolution's. Transformed inputs are at most 4 · 255 and weights 9 · 128; the sums' wrapping is
 * undone by the last transform where 4 · 9 · 255 · 128 · channels stays below 2³¹.
 *
 * strip   rows of tiles of two by two pixels that are transformed at a time
 * scratch 16 planes of a block's weights [C / 2][8][2] as i16, each `gap` longer; 16 planes [tiles of a strip, rounded up to
 *         4][C] of i16, likewise; 16 · 4 · 8 products as i32
 */
export function u8_winograd_i16_3x3(
  x: usize,
  w: usize,
  b: usize,
  c: usize,
  table: usize,
  y: usize,
  aux: usize,
  groups: i32,
  OH: i32,
  OW: i32,
  band: i32,
  CO: i32,
  KH: i32,
  KW: i32,
  run: i32,
  vectors: i32,
  element: i32,
  xg: i32,
  sy: i32,
  step: i32,
  xrow: i32,
  xcol: i32,
  wg: i32,
  bg: i32,
  cg: i32,
  yg: i32,
  yrow: i32,
  ypix: i32,
  auxg: i32,
  auxrow: i32,
  auxpix: i32,
  flip: i32,
  scratch: usize,
  strip: i32,
): void {
  const size = wide() ? 2 : 0
  const C = (KW * run) / 3
  const row = C << 1
  const TH = OH >> 1
  const TW = OW >> 1
  const uplane = (C << 4) + gap
  const vplane = ((strip * TW + 3) & ~3) * row + gap
  const m = scratch
  const u = m + 16 * tilesTogether * 32
  const v = u + 16 * uplane
  for (; groups > 0; groups--) {
    for (let top = 0; top < TH; top += strip) {
      const rows = min(strip, TH - top)
      let to = v
      for (let ty = 0; ty < rows; ty++) {
        let r = x + 2 * (top + ty) * sy
        for (let tx = 0; tx < TW; tx++) {
          for (let k = 0; k < C; k += 8) {
            transformInput(r + k, to, sy, step, vplane)
            to += 16
          }
          r += step << 1
        }
      }
      let wn = w
      let bn = b
      let cn = c
      for (let n = 0; n < CO; n += 8) {
        transformWeights(wn, u, C << 3, uplane)
        let tx = 0
        let r = y + 2 * top * yrow + (n << size)
        let s = aux + 2 * top * auxrow + n * element
        let a = v
        for (let left = rows * TW; left > 0; left -= tilesTogether) {
          let q = m
          for (let plane = 0; plane < 16; plane++) {
            multiply(a + plane * vplane, u + plane * uplane, q, row)
            q += tilesTogether * 32
          }
          a += row << 2
          const last = m + (min(left, tilesTogether) << 5)
          for (let from = m; from < last; from += 32) {
            for (let half = 0; half < 8; half += 4) {
              const bias = v128.load(bn + (half << 2))
              const cv = cn + (half ? vectors : 0)
              let p = from + (half << 2)
              let s0 = v128.load(p)
              let s1 = v128.load(p, 128)
              let s2 = v128.load(p, 256)
              let s3 = v128.load(p, 384)
              let t0 = v128.load(p, 512)
              let t1 = v128.load(p, 640)
              let t2 = v128.load(p, 768)
              let t3 = v128.load(p, 896)
              s0 = i32x4.add(s0, t0)
              s1 = i32x4.add(s1, t1)
              s2 = i32x4.add(s2, t2)
              s3 = i32x4.add(s3, t3)
              const u0 = v128.load(p, 1024)
              const u1 = v128.load(p, 1152)
              const u2 = v128.load(p, 1280)
              const u3 = v128.load(p, 1408)
              s0 = i32x4.add(s0, u0)
              s1 = i32x4.add(s1, u1)
              s2 = i32x4.add(s2, u2)
              s3 = i32x4.add(s3, u3)
              t0 = i32x4.sub(i32x4.sub(t0, u0), v128.load(p, 1536))
              t1 = i32x4.sub(i32x4.sub(t1, u1), v128.load(p, 1664))
              t2 = i32x4.sub(i32x4.sub(t2, u2), v128.load(p, 1792))
              t3 = i32x4.sub(i32x4.sub(t3, u3), v128.load(p, 1920))
              let q = r + (half << size)
              let au = s + half * element
              finishFour(q, au, quarter(i32x4.add(i32x4.add(s0, s1), s2), bias), cv, table, 8)
              finishFour(q + ypix, au + auxpix, quarter(i32x4.sub(i32x4.sub(s1, s2), s3), bias), cv, table, 8)
              q += yrow
              au += auxrow
              finishFour(q, au, quarter(i32x4.add(i32x4.add(t0, t1), t2), bias), cv, table, 8)
              finishFour(q + ypix, au + auxpix, quarter(i32x4.sub(i32x4.sub(t1, t2), t3), bias), cv, table, 8)
            }
            r += ypix << 1
            s += auxpix << 1
            if (++tx == TW) {
              tx = 0
              r += 2 * yrow - OW * ypix
              s += 2 * auxrow - OW * auxpix
            }
          }
        }
        wn += C * 72
        bn += 64
        cn += vectors << 1
      }
    }
    x += xg
    y += yg
    aux += auxg
  }
}

// @ts-ignore: decorator
@inline
function quarter(sum: v128, bias: v128): v128 {
  return i32x4.add(i32x4.shr_s(sum, 2), bias)
}

/** 2G g (2G)ᵀ of a block's weights [9][C / 4][8][4], `tap` bytes for each tap. */
// @ts-ignore: decorator
@inline
function transformWeights(w: usize, u: usize, tap: i32, plane: i32): void {
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
