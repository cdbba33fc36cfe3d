import { packed } from './expand'
import { madd } from '../madd'
import { ragged } from '../ragged'
import { storeLanes } from './store'
import { Aux, In, Out } from '../roles'

// @ts-ignore: decorator
@external('hole', 'epilogue')
declare function epilogue(acc: v128, y: usize, aux: usize, column: i32, p0: v128, p1: v128): v128

/**
 * `f32_gemv_1x32` with weights that are integers, which become floats as they are read.
 *
 * w       [N / 8][K / 2][4] i32, one for each of two columns of two rows: Σ 256ʲ × the weight of column 2j + 0 or 1, j from 0 to
 *         3. No weight is −128. Where `packed` the weights have 4 bits, and [N / 8][K / 4][4] hold a second sum of two more
 *         rows in the upper halves of their bytes; all are plus 8.
 * scales  [N rounded up to 8], times 2⁻²⁴: they multiply the sums
 *
 * A conversion of such an i32, shifted so that one column's weight is at its top, is that weight times 2²⁴ and something of the
 * columns below it, which the next sum has as well: it is taken away at the end. So there is one conversion and most of a
 * shift for four weights, half of what it takes to widen bytes. Inputs beyond 2⁹⁶ overflow.
 */
export function f32_qcw_gemv_1x16(
  x: In,
  w: In,
  b: In,
  y: Out,
  aux: Aux,
  M: i32,
  K: i32,
  N: i32,
  xrow: i32,
  yrow: i32,
  auxrow: i32,
  f0: f32,
  f1: f32,
  scales: In,
): void {
  const p0 = f32x4.splat(f0)
  const p1 = f32x4.splat(f1)
  const rows = packed() ? 4 : 2
  const block = ((K + rows - 1) / rows) << 4
  for (let m = 0; m < M; m++) {
    let wn = w
    let n = 0
    for (; n + 16 <= N; n += 16) {
      let a = x
      let q = wn
      let c0 = f32x4.splat(0)
      let c1 = c0
      let c2 = c0
      let c3 = c0
      let d0 = c0
      let d1 = c0
      let d2 = c0
      let d3 = c0
      for (let left = K; left > 0; left -= rows) {
        let t = inputs(a, left)
        let v = v128.load(q)
        let u = v128.load(q + block)
        if (packed()) {
          const g = halves(v)
          const h = halves(u)
          c0 = madd(t, digit(g, 24), c0)
          c1 = madd(t, digit(g, 16), c1)
          c2 = madd(t, digit(g, 8), c2)
          c3 = madd(t, digit(g, 0), c3)
          d0 = madd(t, digit(h, 24), d0)
          d1 = madd(t, digit(h, 16), d1)
          d2 = madd(t, digit(h, 8), d2)
          d3 = madd(t, digit(h, 0), d3)
          t = inputs(a + 8, left - 2)
          v = halves(i32x4.shr_u(v, 4))
          u = halves(i32x4.shr_u(u, 4))
        }
        c0 = madd(t, digit(v, 24), c0)
        c1 = madd(t, digit(v, 16), c1)
        c2 = madd(t, digit(v, 8), c2)
        c3 = madd(t, digit(v, 0), c3)
        d0 = madd(t, digit(u, 24), d0)
        d1 = madd(t, digit(u, 16), d1)
        d2 = madd(t, digit(u, 8), d2)
        d3 = madd(t, digit(u, 0), d3)
        a += rows << 2
        q += 16
      }
      wn += 2 * block
      finish(y, aux, b, scales, n << 2, c0, c1, c2, c3, 8, p0, p1)
      finish(y, aux, b, scales, (n + 8) << 2, d0, d1, d2, d3, 8, p0, p1)
    }
    for (; n < N; n += 8) {
      let a = x
      let q = wn
      let c0 = f32x4.splat(0)
      let c1 = c0
      let c2 = c0
      let c3 = c0
      for (let left = K; left > 0; left -= rows) {
        let t = inputs(a, left)
        let v = v128.load(q)
        if (packed()) {
          const g = halves(v)
          c0 = madd(t, digit(g, 24), c0)
          c1 = madd(t, digit(g, 16), c1)
          c2 = madd(t, digit(g, 8), c2)
          c3 = madd(t, digit(g, 0), c3)
          t = inputs(a + 8, left - 2)
          v = halves(i32x4.shr_u(v, 4))
        }
        c0 = madd(t, digit(v, 24), c0)
        c1 = madd(t, digit(v, 16), c1)
        c2 = madd(t, digit(v, 8), c2)
        c3 = madd(t, digit(v, 0), c3)
        a += rows << 2
        q += 16
      }
      wn += block
      finish(y, aux, b, scales, n << 2, c0, c1, c2, c3, N - n, p0, p1)
    }
    x += xrow
    y += yrow
    aux += auxrow
  }
}

/** Two neighbouring inputs, each twice; zeros beyond the last of the `left` that there are. */
// @ts-ignore: decorator
@inline
function inputs(a: usize, left: i32): v128 {
  let v: v128
  if (left > 1) v = v128.load64_zero(a)
  else if (left == 1) v = v128.load32_zero(a)
  else v = f32x4.splat(0)
  return i32x4.shuffle(v, v, 0, 0, 1, 1)
}

/** The lower halves of bytes, less 8, as sums of powers of 256 in each i32. */
// @ts-ignore: decorator
@inline
function halves(v: v128): v128 {
  return i32x4.sub(v128.and(v, i32x4.splat(0x0f0f0f0f)), i32x4.splat(0x08080808))
}

// @ts-ignore: decorator
@inline
function digit(v: v128, shift: i32): v128 {
  return f32x4.convert_i32x4_s(shift == 0 ? v : i32x4.shl(v, shift))
}

/** Joins the sums of eight columns, scales them, adds the bias and stores the first `count`. */
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
  c2: v128,
  c3: v128,
  count: i32,
  p0: v128,
  p1: v128,
): void {
  const o = y + column
  const u = aux + column
  const below = f32x4.splat(1 / 256)
  const e0 = joined(c0, f32x4.sub(c1, f32x4.mul(c0, below)))
  storeLanes(
    o,
    epilogue(madd(e0, v128.load(scales + column), v128.load(b + column)), o, u, column, p0, p1),
    count,
  )
  if (ragged()) {
    if (count <= 4) return
  }
  const e1 = joined(f32x4.sub(c2, f32x4.mul(c1, below)), f32x4.sub(c3, f32x4.mul(c2, below)))
  storeLanes(
    o + 16,
    epilogue(madd(e1, v128.load(scales + column, 16), v128.load(b + column, 16)), o + 16, u + 16, column + 16, p0, p1),
    count - 4,
  )
}

/** Sums of two columns in the lower and the upper half of both, as four. */
// @ts-ignore: decorator
@inline
function joined(a: v128, c: v128): v128 {
  return f32x4.add(i32x4.shuffle(a, c, 0, 1, 4, 5), i32x4.shuffle(a, c, 2, 3, 6, 7))
}
