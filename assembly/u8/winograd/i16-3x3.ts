import { gap, TILES } from '../../winograd'
import { mplane } from './planes'
import { finishFour, wide } from '../store'
import { Aux, Flip, In, Out, Scratch } from '../../roles'

// @ts-ignore: decorator
@external('template', 'u8_winograd_input')
declare function transformInput(x: usize, v: usize, TH: i32, TW: i32, C: i32, xrow: i32, xpix: i32, plane: i32): void

// @ts-ignore: decorator
@external('template', 'i8_winograd_weights')
declare function transformWeights(w: usize, u: usize, C: i32, plane: i32): void

// @ts-ignore: decorator
@external('template', 'i16_winograd_multiply')
declare function multiply(v: usize, u: usize, m: usize, C: i32, vplane: i32, uplane: i32): void

/**
 * The same as `u8_igemm_dot_6x8` for 3 × 3 taps and stride 1, channels and CO multiples of 8, OH and OW even, by Winograd's
 * F(2 × 2, 3 × 3) (Lavin & Gray 2016) in integers, to the same bits: weights are transformed by 2G, so that nothing is halved,
 * and the result is four times the convolution. Transformed inputs are 4 · 255 at most and weights 9 · 128. Products of a
 * plane may wrap; the last transform undoes it where 4 · 9 · 255 · 128 · channels stays below 2³¹.
 *
 * strip   rows of tiles of two by two pixels that are transformed before all output channels go over them
 * scratch 16 planes [4][8] of i32, the products of four tiles and eight channels; 16 planes [C / 2][8][2] of i16, a block's
 *         transformed weights; 16 planes [tiles of a strip, rounded up to 4][C] of i16, the transformed input; a plane of
 *         the latter two is `gap` longer than its contents. What hangs over is multiplied, too, and not looked at.
 */
export function u8_winograd_i16_3x3(
  x: In,
  w: In,
  b: In,
  c: In,
  table: In,
  y: Out,
  aux: Aux,
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
  flip: Flip,
  scratch: Scratch,
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
  const u = m + 16 * mplane
  const v = u + 16 * uplane
  for (; groups > 0; groups--) {
    for (let top = 0; top < TH; top += strip) {
      const rows = min(strip, TH - top)
      transformInput(x + 2 * top * sy, v, rows, TW, C, sy, step, vplane)
      let wn = w
      let bn = b
      let cn = c
      for (let n = 0; n < CO; n += 8) {
        transformWeights(wn, u, C, uplane)
        let tx = 0
        let r = y + 2 * top * yrow + (n << size)
        let s = aux + 2 * top * auxrow + n * element
        let a = v
        for (let left = rows * TW; left > 0; left -= TILES) {
          multiply(a, u, m, C, vplane, uplane)
          a += row << 2
          const last = m + (min(left, TILES) << 5)
          for (let from = m; from < last; from += 32) {
            for (let half = 0; half < 8; half += 4) {
              const bias = v128.load(bn + (half << 2))
              const cv = cn + (half ? vectors : 0)
              let p = from + (half << 2)
              let s0 = v128.load(p)
              let s1 = v128.load(p, mplane)
              let s2 = v128.load(p, 2 * mplane)
              let s3 = v128.load(p, 3 * mplane)
              let t0 = v128.load(p, 4 * mplane)
              let t1 = v128.load(p, 5 * mplane)
              let t2 = v128.load(p, 6 * mplane)
              let t3 = v128.load(p, 7 * mplane)
              s0 = i32x4.add(s0, t0)
              s1 = i32x4.add(s1, t1)
              s2 = i32x4.add(s2, t2)
              s3 = i32x4.add(s3, t3)
              const u0 = v128.load(p, 8 * mplane)
              const u1 = v128.load(p, 9 * mplane)
              const u2 = v128.load(p, 10 * mplane)
              const u3 = v128.load(p, 11 * mplane)
              s0 = i32x4.add(s0, u0)
              s1 = i32x4.add(s1, u1)
              s2 = i32x4.add(s2, u2)
              s3 = i32x4.add(s3, u3)
              t0 = i32x4.sub(i32x4.sub(t0, u0), v128.load(p, 12 * mplane))
              t1 = i32x4.sub(i32x4.sub(t1, u1), v128.load(p, 13 * mplane))
              t2 = i32x4.sub(i32x4.sub(t2, u2), v128.load(p, 14 * mplane))
              t3 = i32x4.sub(i32x4.sub(t3, u3), v128.load(p, 15 * mplane))
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
