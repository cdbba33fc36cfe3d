import { madd } from '../madd'

// @ts-ignore: decorator
@external('hole', 'epilogue')
declare function epilogue(acc: v128, y: usize, aux: usize, column: i32, p0: v128, p1: v128): v128

/** Bytes between planes beyond their contents: planes a power of two apart would share the lines of the cache. */
const gap = 64

/**
 * Convolution with 3 × 3 taps and stride 1 by Winograd's F(2 × 2, 3 × 3) (Lavin & Gray 2016): 16 products instead of 36 for
 * two by two pixels. Strides are in bytes; activations are channels-last and bordered.
 *
 * x       first tap of the first pixel
 * w       packed [CO / 8][3][3][C][8]; C is a multiple of 4, CO of 8
 * b       bias [CO]
 * u       scratch, 16 planes [CO / 8][C][8]: the weights transformed
 * v, m    scratch, 16 planes [tiles][C] and [tiles][CO]: the input transformed, and the products. A plane has room for
 *         `band` rows of TW tiles, rounded up to 4 tiles; what hangs over is multiplied, too, and not looked at.
 * TH, TW  tiles of two by two pixels
 */
export function f32_winograd_3x3(
  x: usize,
  w: usize,
  b: usize,
  y: usize,
  aux: usize,
  u: usize,
  v: usize,
  m: usize,
  TH: i32,
  TW: i32,
  band: i32,
  C: i32,
  CO: i32,
  xrow: i32,
  xpix: i32,
  yrow: i32,
  ypix: i32,
  auxrow: i32,
  auxpix: i32,
  f0: f32,
  f1: f32,
): void {
  const p0 = f32x4.splat(f0)
  const p1 = f32x4.splat(f1)
  const uplane = C * CO * 4 + gap
  const room = (band * TW + 3) & ~3
  const vplane = room * C * 4 + gap
  const mplane = room * CO * 4 + gap
  transformWeights(w, u, C, CO, uplane)
  for (let top = 0; top < TH; top += band) {
    const rows = min(band, TH - top)
    let to = v
    for (let ty = 0; ty < rows; ty++) {
      let r = x + 2 * (top + ty) * xrow
      for (let tx = 0; tx < TW; tx++) {
        for (let n = 0; n < C; n += 4) {
          transformInput(r + (n << 2), to, xrow, xpix, vplane)
          to += 16
        }
        r += xpix << 1
      }
    }
    for (let plane = 0; plane < 16; plane++) {
      multiply(v + plane * vplane, u + plane * uplane, m + plane * mplane, rows * TW, C, CO)
    }
    let from = m
    for (let ty = 0; ty < rows; ty++) {
      let r = y + 2 * (top + ty) * yrow
      let s = aux + 2 * (top + ty) * auxrow
      for (let tx = 0; tx < TW; tx++) {
        for (let column = 0; column < CO << 2; column += 16) {
          const bias = v128.load(b + column)
          let p = from
          let s0 = v128.load(p)
          let s1 = v128.load(p + mplane)
          let s2 = v128.load(p + 2 * mplane)
          let s3 = v128.load(p + 3 * mplane)
          p += 4 * mplane
          let t0 = v128.load(p)
          let t1 = v128.load(p + mplane)
          let t2 = v128.load(p + 2 * mplane)
          let t3 = v128.load(p + 3 * mplane)
          s0 = f32x4.add(s0, t0)
          s1 = f32x4.add(s1, t1)
          s2 = f32x4.add(s2, t2)
          s3 = f32x4.add(s3, t3)
          p += 4 * mplane
          const u0 = v128.load(p)
          const u1 = v128.load(p + mplane)
          const u2 = v128.load(p + 2 * mplane)
          const u3 = v128.load(p + 3 * mplane)
          s0 = f32x4.add(s0, u0)
          s1 = f32x4.add(s1, u1)
          s2 = f32x4.add(s2, u2)
          s3 = f32x4.add(s3, u3)
          p += 4 * mplane
          t0 = f32x4.sub(f32x4.sub(t0, u0), v128.load(p))
          t1 = f32x4.sub(f32x4.sub(t1, u1), v128.load(p + mplane))
          t2 = f32x4.sub(f32x4.sub(t2, u2), v128.load(p + 2 * mplane))
          t3 = f32x4.sub(f32x4.sub(t3, u3), v128.load(p + 3 * mplane))
          const y00 = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, bias))
          const y01 = f32x4.add(f32x4.sub(s1, s2), f32x4.sub(bias, s3))
          const y10 = f32x4.add(f32x4.add(t0, t1), f32x4.add(t2, bias))
          const y11 = f32x4.add(f32x4.sub(t1, t2), f32x4.sub(bias, t3))
          let q = r + column
          let a = s + column
          v128.store(q, epilogue(y00, q, a, column, p0, p1))
          v128.store(q + ypix, epilogue(y01, q + ypix, a + auxpix, column, p0, p1))
          q += yrow
          a += auxrow
          v128.store(q, epilogue(y10, q, a, column, p0, p1))
          v128.store(q + ypix, epilogue(y11, q + ypix, a + auxpix, column, p0, p1))
          from += 16
        }
        r += ypix << 1
        s += auxpix << 1
      }
    }
  }
}

/** G g Gᵀ for all pairs of channels. */
// @ts-ignore: decorator
@inline
function transformWeights(w: usize, u: usize, C: i32, CO: i32, plane: i32): void {
  const half = f32x4.splat(0.5)
  const tap = C << 5
  for (let n = 0; n < CO; n += 8) {
    for (let c = 0; c < tap; c += 16) {
      const p = w + c
      const g0 = v128.load(p)
      const g1 = v128.load(p + tap)
      const g2 = v128.load(p + 2 * tap)
      const g3 = f32x4.mul(half, v128.load(p + 3 * tap))
      const g4 = f32x4.mul(half, v128.load(p + 4 * tap))
      const g5 = f32x4.mul(half, v128.load(p + 5 * tap))
      const g6 = v128.load(p + 6 * tap)
      const g7 = v128.load(p + 7 * tap)
      const g8 = v128.load(p + 8 * tap)
      const s0 = f32x4.mul(half, f32x4.add(g0, g6))
      const s1 = f32x4.mul(half, f32x4.add(g1, g7))
      const s2 = f32x4.mul(half, f32x4.add(g2, g8))
      let q = u + c
      weightRow(q, plane, g0, g1, g2)
      q += 4 * plane
      weightRow(q, plane, f32x4.add(s0, g3), f32x4.add(s1, g4), f32x4.add(s2, g5))
      q += 4 * plane
      weightRow(q, plane, f32x4.sub(s0, g3), f32x4.sub(s1, g4), f32x4.sub(s2, g5))
      q += 4 * plane
      weightRow(q, plane, g6, g7, g8)
    }
    w += 9 * tap
    u += tap
  }
}

// @ts-ignore: decorator
@inline
function weightRow(q: usize, plane: i32, a: v128, b: v128, c: v128): void {
  const half = f32x4.splat(0.5)
  const sum = f32x4.mul(half, f32x4.add(a, c))
  const middle = f32x4.mul(half, b)
  v128.store(q, a)
  v128.store(q + plane, f32x4.add(sum, middle))
  v128.store(q + 2 * plane, f32x4.sub(sum, middle))
  v128.store(q + 3 * plane, c)
}

/** Bᵀ d B of four channels of a tile. */
// @ts-ignore: decorator
@inline
function transformInput(p: usize, to: usize, xrow: i32, xpix: i32, plane: i32): void {
  const p1 = p + xrow
  const p2 = p1 + xrow
  const p3 = p2 + xrow
  const a0 = v128.load(p1)
  const a1 = v128.load(p1 + xpix)
  const a2 = v128.load(p1 + 2 * xpix)
  const a3 = v128.load(p1 + 3 * xpix)
  const b0 = v128.load(p2)
  const b1 = v128.load(p2 + xpix)
  const b2 = v128.load(p2 + 2 * xpix)
  const b3 = v128.load(p2 + 3 * xpix)
  inputRow(
    to,
    plane,
    f32x4.sub(v128.load(p), b0),
    f32x4.sub(v128.load(p + xpix), b1),
    f32x4.sub(v128.load(p + 2 * xpix), b2),
    f32x4.sub(v128.load(p + 3 * xpix), b3),
  )
  to += 4 * plane
  inputRow(to, plane, f32x4.add(a0, b0), f32x4.add(a1, b1), f32x4.add(a2, b2), f32x4.add(a3, b3))
  to += 4 * plane
  inputRow(to, plane, f32x4.sub(b0, a0), f32x4.sub(b1, a1), f32x4.sub(b2, a2), f32x4.sub(b3, a3))
  to += 4 * plane
  inputRow(
    to,
    plane,
    f32x4.sub(a0, v128.load(p3)),
    f32x4.sub(a1, v128.load(p3 + xpix)),
    f32x4.sub(a2, v128.load(p3 + 2 * xpix)),
    f32x4.sub(a3, v128.load(p3 + 3 * xpix)),
  )
}

// @ts-ignore: decorator
@inline
function inputRow(q: usize, plane: i32, d0: v128, d1: v128, d2: v128, d3: v128): void {
  v128.store(q, f32x4.sub(d0, d2))
  v128.store(q + plane, f32x4.add(d1, d2))
  v128.store(q + 2 * plane, f32x4.sub(d2, d1))
  v128.store(q + 3 * plane, f32x4.sub(d1, d3))
}

/** m [rows][CO] = v [rows][C] · u [CO / 8][C][8], four rows at a time. */
// @ts-ignore: decorator
@inline
function multiply(v: usize, u: usize, m: usize, rows: i32, C: i32, CO: i32): void {
  const row = C << 2
  const next = CO << 2
  for (let n = 0; n < next; n += 32) {
    let a0 = v
    let q = m + n
    for (let left = rows; left > 0; left -= 4) {
      let a1 = a0 + row
      let a2 = a1 + row
      let a3 = a2 + row
      const end = a1
      let p = u
      let c00 = f32x4.splat(0)
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
        c00 = madd(x0, w0, c00)
        c01 = madd(x0, w1, c01)
        const x1 = v128.load32_splat(a1)
        c10 = madd(x1, w0, c10)
        c11 = madd(x1, w1, c11)
        const x2 = v128.load32_splat(a2)
        c20 = madd(x2, w0, c20)
        c21 = madd(x2, w1, c21)
        const x3 = v128.load32_splat(a3)
        c30 = madd(x3, w0, c30)
        c31 = madd(x3, w1, c31)
        a0 += 4
        a1 += 4
        a2 += 4
        a3 += 4
        p += 32
      } while (a0 < end)
      v128.store(q, c00)
      v128.store(q, c01, 16)
      q += next
      v128.store(q, c10)
      v128.store(q, c11, 16)
      q += next
      v128.store(q, c20)
      v128.store(q, c21, 16)
      q += next
      v128.store(q, c30)
      v128.store(q, c31, 16)
      q += next
      a0 = a3
    }
    u += C << 5
  }
}
