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
@external('template', 'f32_winograd_2x2_weights')
declare function transformWeights(w: usize, u: usize, C: i32, plane: i32): void

// @ts-ignore: decorator
@external('template', 'f32_winograd_2x2_input')
declare function transformInput(x: usize, v: usize, TW: i32, C: i32, xrow: i32, xpix: i32, plane: i32): void

// @ts-ignore: decorator
@external('template', 'f32_winograd_multiply')
declare function multiply(v: usize, vplane: i32, u: usize, uplane: i32, m: usize, planes: i32, tiles: i32, C: i32): void

// @ts-ignore: decorator
@external('template', 'f32_winograd_direct')
declare function direct(x: usize, w: usize, b: usize, m: usize, pixels: i32, C: i32, xrow: i32, xpix: i32): void

/**
 * Convolution with 3 × 3 taps and stride 1 by Winograd's F(2 × 2, 3 × 3) (Lavin & Gray 2016): 16 products instead of 36 for
 * two by two pixels. Strides are in bytes; activations are channels-last and bordered.
 * Four channels of a tile that are not all finite are computed anew without Winograd, where an infinity does not meet itself and
 * sums of inputs or of products may not overflow. Results that are finite come of nothing that is not.
 *
 * x       first tap of the first pixel
 * w       packed [CO / 8][3][3][C][8]; C is a multiple of 4
 * b       bias [CO]
 * u       scratch, 16 planes [C][8] for each block of eight output channels: the weights transformed. Blocks are `ublock`
 *         bytes apart: 0 if one band is all there is, so that each may take the last one's place.
 * v       scratch, 16 planes [tiles][C]: the input transformed. A plane has room for `band` rows of TW tiles, rounded
 *         up to 4 tiles; what hangs over is multiplied, too, and not looked at.
 * m       scratch, 16 planes [16][8], `mplane` bytes apart: the products of sixteen tiles and eight channels
 * TH, TW  tiles of two by two pixels
 */
export function f32_winograd_2x2(
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
  const yskip = (yrow << 1) - TW * (ypix << 1)
  const uskip = (auxrow << 1) - TW * (auxpix << 1)
  for (let top = 0; top < TH; top += band) {
    const rows = min(band, TH - top)
    const tiles = rows * TW
    for (let ty = 0; ty < rows; ty++) {
      transformInput(x + 2 * ty * xrow, v + ty * TW * (C << 2), TW, C, xrow, xpix, vplane)
    }
    let wn = w
    let un = u
    for (let column = 0; column < CO << 2; column += 32) {
      if (top == 0) transformWeights(wn, un, C, uplane)
      let tx = 0
      let r = y + 2 * top * yrow + column
      let s = aux + 2 * top * auxrow + column
      let from = v
      for (let tile = 0; tile < tiles; tile += most) {
        const count = min(tiles - tile, most)
        multiply(from, vplane, un, uplane, m, 16, count, C)
        from += most * (C << 2)
        const end = count << 5
        for (let p = 0; p < end; p += 32) {
          for (let half = 0; half < 32; half += 16) {
            const q = r + half
            const a = s + half
            const n = column + half
            const left = CO - (n >> 2)
            if (ragged() && left <= 0) break
            const bias = v128.load(b + n)
            const z = m + p + half
            let s0 = v128.load(z)
            let s1 = v128.load(z, mplane)
            let s2 = v128.load(z, 2 * mplane)
            let s3 = v128.load(z, 3 * mplane)
            let t0 = v128.load(z, 4 * mplane)
            let t1 = v128.load(z, 5 * mplane)
            let t2 = v128.load(z, 6 * mplane)
            let t3 = v128.load(z, 7 * mplane)
            s0 = f32x4.add(s0, t0)
            s1 = f32x4.add(s1, t1)
            s2 = f32x4.add(s2, t2)
            s3 = f32x4.add(s3, t3)
            const u0 = v128.load(z, 8 * mplane)
            const u1 = v128.load(z, 9 * mplane)
            const u2 = v128.load(z, 10 * mplane)
            const u3 = v128.load(z, 11 * mplane)
            s0 = f32x4.add(s0, u0)
            s1 = f32x4.add(s1, u1)
            s2 = f32x4.add(s2, u2)
            s3 = f32x4.add(s3, u3)
            t0 = f32x4.sub(f32x4.sub(t0, u0), v128.load(z, 12 * mplane))
            t1 = f32x4.sub(f32x4.sub(t1, u1), v128.load(z, 13 * mplane))
            t2 = f32x4.sub(f32x4.sub(t2, u2), v128.load(z, 14 * mplane))
            t3 = f32x4.sub(f32x4.sub(t3, u3), v128.load(z, 15 * mplane))
            let y00 = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, bias))
            let y01 = f32x4.add(f32x4.sub(s1, s2), f32x4.sub(bias, s3))
            let y10 = f32x4.add(f32x4.add(t0, t1), f32x4.add(t2, bias))
            let y11 = f32x4.add(f32x4.sub(t1, t2), f32x4.sub(bias, t3))
            const sum = f32x4.add(f32x4.add(y00, y01), f32x4.add(y10, y11))
            if (overflows(sum, left)) {
              const down = (tile + (p >> 5)) / TW
              const first = x + 2 * (down * xrow + tx * xpix)
              direct(first, wn + half, b + n, z, 2, C, xrow, xpix)
              direct(first + xrow, wn + half, b + n, z + 2 * mplane, 2, C, xrow, xpix)
              y00 = v128.load(z)
              y01 = v128.load(z, mplane)
              y10 = v128.load(z, 2 * mplane)
              y11 = v128.load(z, 3 * mplane)
            }
            storeLanes(q, epilogue(y00, q, a, n, p0, p1), left)
            storeLanes(q + ypix, epilogue(y01, q + ypix, a + auxpix, n, p0, p1), left)
            storeLanes(q + yrow, epilogue(y10, q + yrow, a + auxrow, n, p0, p1), left)
            storeLanes(q + yrow + ypix, epilogue(y11, q + yrow + ypix, a + auxrow + auxpix, n, p0, p1), left)
          }
          const ends = ++tx == TW
          tx = select(0, tx, ends)
          r += (ypix << 1) + select(yskip, 0, ends)
          s += (auxpix << 1) + select(uskip, 0, ends)
        }
      }
      wn += 9 * (C << 5)
      un += ublock
    }
    x += 2 * band * xrow
  }
}
