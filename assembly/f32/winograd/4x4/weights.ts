import { In, Out } from '../../../roles'

/** G g Gᵀ of a block of eight output channels for F(4 × 4, 3 × 3): u, 36 planes [C][8], of w [3][3][C][8]. */
export function f32_winograd_4x4_weights(w: In, u: Out, C: i32, plane: i32): void {
  const tap = C << 5
  for (let c = 0; c < tap; c += 16) {
    let from = w + c
    let to = u + c
    for (let column = 0; column < 3; column++) {
      line(from, 3 * tap, to, 6 * plane)
      from += tap
      to += plane
    }
    to = u + c
    for (let row = 0; row < 6; row++) {
      line(to, plane, to, plane)
      to += 6 * plane
    }
  }
}

/** G g of three vectors, to six, which may take their places. */
// @ts-ignore: decorator
@inline
function line(from: usize, step: i32, to: usize, plane: i32): void {
  const g0 = v128.load(from)
  const g1 = v128.load(from + step)
  const g2 = v128.load(from + 2 * step)
  // [1, ±√½, ½] / −1.5 and [1, ±√2, 2] / 6
  const e1 = f32x4.add(f32x4.mul(f32x4.splat(-0.6666666666666666), g0), f32x4.mul(f32x4.splat(-0.3333333333333333), g2))
  const f1 = f32x4.mul(f32x4.splat(-0.4714045207910317), g1)
  const e2 = f32x4.add(f32x4.mul(f32x4.splat(0.16666666666666666), g0), f32x4.mul(f32x4.splat(0.3333333333333333), g2))
  const f2 = f32x4.mul(f32x4.splat(0.23570226039551584), g1)
  v128.store(to, g0)
  to += plane
  v128.store(to, f32x4.add(e1, f1))
  to += plane
  v128.store(to, f32x4.sub(e1, f1))
  to += plane
  v128.store(to, f32x4.add(e2, f2))
  to += plane
  v128.store(to, f32x4.sub(e2, f2))
  to += plane
  v128.store(to, g2)
}
