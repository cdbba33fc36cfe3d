import { madd } from '../../../madd'
import { storeLanes } from '../../store'
import { gap, TILES } from '../../../winograd'
import { overflows } from '../finite'
import { most, mplane } from '../planes'
import { ragged } from '../../../ragged'
import { Aux, In, Out, Scratch } from '../../../roles'

// @ts-ignore: decorator
@external('hole', 'epilogue')
declare function epilogue(acc: v128, y: usize, aux: usize, column: i32, p0: v128, p1: v128): v128

// @ts-ignore: decorator
@external('template', 'f32_winograd_4x4_weights')
declare function transformWeights(w: usize, u: usize, C: i32, plane: i32): void

// @ts-ignore: decorator
@external('template', 'f32_winograd_4x4_input')
declare function transformInput(x: usize, v: usize, TW: i32, C: i32, xrow: i32, xpix: i32, plane: i32): void

// @ts-ignore: decorator
@external('template', 'f32_winograd_multiply')
declare function multiply(v: usize, vplane: i32, u: usize, uplane: i32, m: usize, planes: i32, tiles: i32, C: i32): void

// @ts-ignore: decorator
@external('template', 'f32_winograd_direct')
declare function direct(x: usize, w: usize, b: usize, m: usize, side: i32, C: i32, xrow: i32, xpix: i32): void

/**
 * Convolution with 3 × 3 taps and stride 1 by Winograd's F(4 × 4, 3 × 3) (Lavin & Gray 2016): 36 products instead of 144 for
 * four by four pixels. All as in `f32_winograd_2x2`, with 36 planes in place of 16; what is computed anew without Winograd
 * is a row of a tile.
 *
 * TH, TW  tiles of four by four pixels
 */
export function f32_winograd_4x4(
  x: In,
  w: In,
  b: In,
  y: Out,
  aux: Aux,
  u: Scratch,
  v: Scratch,
  m: Scratch,
  TH: i32,
  TW: i32,
  band: i32,
  C: i32,
  CO: i32,
  ublock: i32,
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
  const uplane = (C << 5) + gap
  const vplane = ((band * TW + TILES - 1) & -TILES) * (C << 2) + gap
  const yskip = (yrow << 2) - TW * (ypix << 2)
  const auxskip = (auxrow << 2) - TW * (auxpix << 2)
  for (let top = 0; top < TH; top += band) {
    const rows = min(band, TH - top)
    const tiles = rows * TW
    for (let ty = 0; ty < rows; ty++) {
      transformInput(x + 4 * ty * xrow, v + ty * TW * (C << 2), TW, C, xrow, xpix, vplane)
    }
    let wn = w
    let un = u
    for (let column = 0; column < CO << 2; column += 32) {
      if (top == 0) transformWeights(wn, un, C, uplane)
      let tx = 0
      let r = y + 4 * top * yrow + column
      let s = aux + 4 * top * auxrow + column
      let from = v
      for (let tile = 0; tile < tiles; tile += most) {
        const count = min(tiles - tile, most)
        multiply(from, vplane, un, uplane, m, 36, count, C)
        from += most * (C << 2)
        const end = count << 5
        for (let p = 0; p < end; p += 32) {
          for (let half = 0; half < 32; half += 16) {
            const n = column + half
            const left = CO - (n >> 2)
            if (ragged() && left <= 0) break
            const bias = v128.load(b + n)
            let z = m + p + half
            for (let i = z; i < z + 6 * mplane; i += mplane) {
              const m0 = v128.load(i)
              const m1 = v128.load(i, 6 * mplane)
              const m2 = v128.load(i, 12 * mplane)
              const m3 = v128.load(i, 18 * mplane)
              const m4 = v128.load(i, 24 * mplane)
              const m5 = v128.load(i, 30 * mplane)
              const s1 = f32x4.add(m1, m2)
              const d1 = f32x4.sub(m1, m2)
              const s2 = f32x4.add(m3, m4)
              const d2 = f32x4.sub(m3, m4)
              v128.store(i, f32x4.add(m0, f32x4.add(s1, s2)))
              v128.store(i, linear(d1, d2), 6 * mplane)
              v128.store(i, quadratic(s1, s2), 12 * mplane)
              v128.store(i, f32x4.add(m5, cubic(d1, d2)), 18 * mplane)
            }
            let q = r + half
            let a = s + half
            for (let row = 0; row < 4; row++) {
              const m1 = v128.load(z, mplane)
              const m2 = v128.load(z, 2 * mplane)
              const m3 = v128.load(z, 3 * mplane)
              const m4 = v128.load(z, 4 * mplane)
              const s1 = f32x4.add(m1, m2)
              const d1 = f32x4.sub(m1, m2)
              const s2 = f32x4.add(m3, m4)
              const d2 = f32x4.sub(m3, m4)
              let y0 = f32x4.add(f32x4.add(v128.load(z), bias), f32x4.add(s1, s2))
              let y1 = f32x4.add(bias, linear(d1, d2))
              let y2 = f32x4.add(bias, quadratic(s1, s2))
              let y3 = f32x4.add(f32x4.add(v128.load(z, 5 * mplane), bias), cubic(d1, d2))
              const sum = f32x4.add(f32x4.add(y0, y1), f32x4.add(y2, y3))
              if (overflows(sum, left)) {
                const down = (tile + (p >> 5)) / TW
                direct(x + (4 * down + row) * xrow + 4 * tx * xpix, wn + half, b + n, z, 4, C, xrow, xpix)
                y0 = v128.load(z)
                y1 = v128.load(z, mplane)
                y2 = v128.load(z, 2 * mplane)
                y3 = v128.load(z, 3 * mplane)
              }
              storeLanes(q, epilogue(y0, q, a, n, p0, p1), left)
              storeLanes(q + ypix, epilogue(y1, q + ypix, a + auxpix, n, p0, p1), left)
              const q2 = q + 2 * ypix
              const a2 = a + 2 * auxpix
              storeLanes(q2, epilogue(y2, q2, a2, n, p0, p1), left)
              storeLanes(q2 + ypix, epilogue(y3, q2 + ypix, a2 + auxpix, n, p0, p1), left)
              z += 6 * mplane
              q += yrow
              a += auxrow
            }
          }
          const ends = ++tx == TW
          tx = select(0, tx, ends)
          r += (ypix << 2) + select(yskip, 0, ends)
          s += (auxpix << 2) + select(auxskip, 0, ends)
        }
      }
      wn += 9 * (C << 5)
      un += ublock
    }
    x += 4 * band * xrow
  }
}

// Of sums and differences of the planes of ±√½, and of those of ±√2: what these points' powers make of them.

// @ts-ignore: decorator
@inline
function linear(d1: v128, d2: v128): v128 {
  return f32x4.mul(f32x4.splat(0.7071067811865476), madd(f32x4.splat(2), d2, d1))
}

// @ts-ignore: decorator
@inline
function quadratic(s1: v128, s2: v128): v128 {
  return madd(f32x4.splat(2), s2, f32x4.mul(f32x4.splat(0.5), s1))
}

// @ts-ignore: decorator
@inline
function cubic(d1: v128, d2: v128): v128 {
  return f32x4.mul(f32x4.splat(0.7071067811865476), madd(f32x4.splat(4), d2, f32x4.mul(f32x4.splat(0.5), d1)))
}
