import { expandedFrom, highFloats, highHalves, lowFloats, lowHalves, packed } from './expand'
import { madd } from '../madd'
import { ragged } from '../ragged'
import { storeLanes } from './store'

// @ts-ignore: decorator
@external('hole', 'epilogue')
declare function epilogue(acc: v128, y: usize, aux: usize, column: i32, p0: v128, p1: v128): v128

/**
 * `f32_gemv_1x32` with weights that are integers, packed as for `f32_qcw_igemm_4x8`. They become floats as they are read, and
 * `scales` [N rounded up to 8] multiply the sums.
 */
export function f32_qcw_gemv_1x24(
  x: usize,
  w: usize,
  b: usize,
  y: usize,
  aux: usize,
  M: i32,
  K: i32,
  N: i32,
  xrow: i32,
  yrow: i32,
  auxrow: i32,
  f0: f32,
  f1: f32,
  scales: usize,
): void {
  const p0 = f32x4.splat(f0)
  const p1 = f32x4.splat(f1)
  const block = expandedFrom(K)
  const steps = packed() ? K >> 1 : K
  const odd = packed() ? K & 1 : 0
  for (let m = 0; m < M; m++) {
    let wn = w
    let n = 0
    for (; n + 24 <= N; n += 24) {
      let a = x
      let q = wn
      let c0 = f32x4.splat(0)
      let c1 = c0
      let c2 = c0
      let c3 = c0
      let c4 = c0
      let c5 = c0
      for (let left = steps; left > 0; left--) {
        let t = v128.load32_splat(a)
        if (packed()) {
          const w0 = v128.load64_zero(q)
          const w1 = v128.load64_zero(q + block)
          const w2 = v128.load64_zero(q + 2 * block)
          const h0 = lowHalves(w0)
          c0 = madd(t, lowFloats(h0), c0)
          c1 = madd(t, highFloats(h0), c1)
          const h1 = lowHalves(w1)
          c2 = madd(t, lowFloats(h1), c2)
          c3 = madd(t, highFloats(h1), c3)
          const h2 = lowHalves(w2)
          c4 = madd(t, lowFloats(h2), c4)
          c5 = madd(t, highFloats(h2), c5)
          t = v128.load32_splat(a, 4)
          const g0 = highHalves(w0)
          c0 = madd(t, lowFloats(g0), c0)
          c1 = madd(t, highFloats(g0), c1)
          const g1 = highHalves(w1)
          c2 = madd(t, lowFloats(g1), c2)
          c3 = madd(t, highFloats(g1), c3)
          const g2 = highHalves(w2)
          c4 = madd(t, lowFloats(g2), c4)
          c5 = madd(t, highFloats(g2), c5)
          a += 8
        } else {
          const w0 = v128.load8x8_s(q)
          c0 = madd(t, lowFloats(w0), c0)
          c1 = madd(t, highFloats(w0), c1)
          const w1 = v128.load8x8_s(q + block)
          c2 = madd(t, lowFloats(w1), c2)
          c3 = madd(t, highFloats(w1), c3)
          const w2 = v128.load8x8_s(q + 2 * block)
          c4 = madd(t, lowFloats(w2), c4)
          c5 = madd(t, highFloats(w2), c5)
          a += 4
        }
        q += 8
      }
      if (odd) {
        const t = v128.load32_splat(a)
        const w0 = lowHalves(v128.load64_zero(q))
        c0 = madd(t, lowFloats(w0), c0)
        c1 = madd(t, highFloats(w0), c1)
        const w1 = lowHalves(v128.load64_zero(q + block))
        c2 = madd(t, lowFloats(w1), c2)
        c3 = madd(t, highFloats(w1), c3)
        const w2 = lowHalves(v128.load64_zero(q + 2 * block))
        c4 = madd(t, lowFloats(w2), c4)
        c5 = madd(t, highFloats(w2), c5)
      }
      wn += 3 * block
      const column = n << 2
      finish(y, aux, b, scales, column, c0, c1, 8, p0, p1)
      finish(y, aux, b, scales, column + 32, c2, c3, 8, p0, p1)
      finish(y, aux, b, scales, column + 64, c4, c5, 8, p0, p1)
    }
    for (; n < N; n += 8) {
      let a = x
      let q = wn
      let c0 = f32x4.splat(0)
      let c1 = c0
      for (let left = steps; left > 0; left--) {
        let t = v128.load32_splat(a)
        if (packed()) {
          const w0 = v128.load64_zero(q)
          const h0 = lowHalves(w0)
          c0 = madd(t, lowFloats(h0), c0)
          c1 = madd(t, highFloats(h0), c1)
          t = v128.load32_splat(a, 4)
          const g0 = highHalves(w0)
          c0 = madd(t, lowFloats(g0), c0)
          c1 = madd(t, highFloats(g0), c1)
          a += 8
        } else {
          const w0 = v128.load8x8_s(q)
          c0 = madd(t, lowFloats(w0), c0)
          c1 = madd(t, highFloats(w0), c1)
          a += 4
        }
        q += 8
      }
      if (odd) {
        const t = v128.load32_splat(a)
        const w0 = lowHalves(v128.load64_zero(q))
        c0 = madd(t, lowFloats(w0), c0)
        c1 = madd(t, highFloats(w0), c1)
      }
      wn += block
      finish(y, aux, b, scales, n << 2, c0, c1, N - n, p0, p1)
    }
    x += xrow
    y += yrow
    aux += auxrow
  }
}

/** Scales eight sums, adds the bias and stores the first `count`. */
// @ts-ignore: decorator
@inline
function finish(
  y: usize,
  aux: usize,
  b: usize,
  scales: usize,
  column: i32,
  c0: v128,
  c1: v128,
  count: i32,
  p0: v128,
  p1: v128,
): void {
  const o = y + column
  const u = aux + column
  c0 = madd(c0, v128.load(scales + column), v128.load(b + column))
  storeLanes(o, epilogue(c0, o, u, column, p0, p1), count)
  if (ragged()) {
    if (count <= 4) return
  }
  c1 = madd(c1, v128.load(scales + column, 16), v128.load(b + column, 16))
  storeLanes(o + 16, epilogue(c1, o + 16, u + 16, column + 16, p0, p1), count - 4)
}
