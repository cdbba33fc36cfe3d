import { next } from '../pixels'
import { In, Out } from '../roles'
import { load8 } from './extend'

/**
 * What eight pixels read as i16, for `u8_spmm_i16_8x4`: `to` [KH][KW][run][8], and up to seven rows of anything. Arguments are those
 * of `f32_gather_pixels`.
 */
export function u8_gather_pixels(
  x: In,
  to: Out,
  count: i32,
  across: i32,
  OW: i32,
  KH: i32,
  KW: i32,
  run: i32,
  step: i32,
  xskip: i32,
  xrow: i32,
  xcol: i32,
): void {
  for (let q = 0; q < 16; q += 8) {
    let r0 = x
    across++
    let r1 = next(r0, count > 1, step, across == OW, xskip)
    across = select(0, across, across == OW) + 1
    let r2 = next(r1, count > 2, step, across == OW, xskip)
    across = select(0, across, across == OW) + 1
    let r3 = next(r2, count > 3, step, across == OW, xskip)
    across = select(0, across, across == OW) + 1
    x = next(r3, count > 4, step, across == OW, xskip)
    across = select(0, across, across == OW)
    count -= 4
    let tap = to + q
    for (let kh = KH; kh > 0; kh--) {
      let s = 0
      for (let kw = KW; kw > 0; kw--) {
        let p = tap
        for (let k = 0; k < run; k += 8) {
          const at = s + k
          const v0 = load8(r0 + at)
          const v1 = load8(r1 + at)
          const v2 = load8(r2 + at)
          const v3 = load8(r3 + at)
          const a = i16x8.shuffle(v0, v1, 0, 8, 1, 9, 2, 10, 3, 11)
          const b = i16x8.shuffle(v2, v3, 0, 8, 1, 9, 2, 10, 3, 11)
          const c = i16x8.shuffle(v0, v1, 4, 12, 5, 13, 6, 14, 7, 15)
          const d = i16x8.shuffle(v2, v3, 4, 12, 5, 13, 6, 14, 7, 15)
          const k0 = i32x4.shuffle(a, b, 0, 4, 1, 5)
          v128.store64_lane(p, k0, 0)
          v128.store64_lane(p, k0, 1, 16)
          const k2 = i32x4.shuffle(a, b, 2, 6, 3, 7)
          v128.store64_lane(p, k2, 0, 32)
          v128.store64_lane(p, k2, 1, 48)
          const k4 = i32x4.shuffle(c, d, 0, 4, 1, 5)
          v128.store64_lane(p, k4, 0, 64)
          v128.store64_lane(p, k4, 1, 80)
          const k6 = i32x4.shuffle(c, d, 2, 6, 3, 7)
          v128.store64_lane(p, k6, 0, 96)
          v128.store64_lane(p, k6, 1, 112)
          p += 128
        }
        // Rows beyond the run are the next tap's, which are written after them.
        tap += run << 4
        s += xcol
      }
      r0 += xrow
      r1 += xrow
      r2 += xrow
      r3 += xrow
    }
  }
}
