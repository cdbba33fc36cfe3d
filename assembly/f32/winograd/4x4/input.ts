import { madd } from '../../../madd'
import { In, Out } from '../../../roles'

/**
 * Bᵀ d B of a row of tiles of F(4 × 4, 3 × 3): v, 36 planes [TW][C], of x, whose rows and pixels are `xrow` and `xpix` bytes
 * apart. The points are 0, ±√½, ±√2 and infinity: rounding errors are less than with 0, ±1, ±2 (Barabasz et al. 2020).
 */
export function f32_winograd_4x4_input(x: In, v: Out, TW: i32, C: i32, xrow: i32, xpix: i32, plane: i32): void {
  const size = C << 2
  const six = 6 * plane
  for (let tx = 0; tx < TW; tx++) {
    for (let n = 0; n < size; n += 16) {
      let from = x + n
      let to = v + n
      for (let row = 0; row < 6; row++) {
        line(from, xpix, to, plane)
        from += xrow
        to += six
      }
      to = v + n
      for (let column = 0; column < 6; column++) {
        line(to, six, to, six)
        to += plane
      }
    }
    x += xpix << 2
    v += size
  }
}

/** Bᵀ d of six vectors, which may take their own places. */
// @ts-ignore: decorator
@inline
function line(from: usize, step: i32, to: usize, plane: i32): void {
  const a = f32x4.splat(0.7071067811865476)
  const two = f32x4.splat(2)
  const down = f32x4.splat(-2.5)
  const d0 = v128.load(from)
  from += step
  const d1 = v128.load(from)
  from += step
  const d2 = v128.load(from)
  from += step
  const d3 = v128.load(from)
  from += step
  const d4 = v128.load(from)
  from += step
  const d5 = v128.load(from)
  const e1 = f32x4.sub(d4, f32x4.mul(two, d2))
  const f1 = f32x4.mul(a, f32x4.sub(d3, f32x4.mul(two, d1)))
  const e2 = f32x4.sub(d4, f32x4.mul(f32x4.splat(0.5), d2))
  const f2 = f32x4.mul(a, f32x4.sub(f32x4.mul(two, d3), d1))
  v128.store(to, madd(down, d2, f32x4.add(d0, d4)))
  to += plane
  v128.store(to, f32x4.add(e1, f1))
  to += plane
  v128.store(to, f32x4.sub(e1, f1))
  to += plane
  v128.store(to, f32x4.add(e2, f2))
  to += plane
  v128.store(to, f32x4.sub(e2, f2))
  to += plane
  v128.store(to, madd(down, d3, f32x4.add(d1, d5)))
}
