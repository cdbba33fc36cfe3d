import { next } from '../pixels'
import { In, Out } from '../roles'

/**
 * What four, eight or sixteen pixels read, for the sparse products: `to` [KH][KW][run][pixels], so that the pixels of each row are
 * vectors. Arguments are those of `f32_igemm_4x8`; `width` is the bytes of a row, `across` pixels stand before the first one in its
 * own. Where there are less than `count` pixels the last one is repeated.
 * Returns whether all are finite: zeros that are left out count only times infinities and NaN.
 */
export function f32_gather_pixels(
  x: In,
  to: Out,
  count: i32,
  width: i32,
  across: i32,
  OW: i32,
  KH: i32,
  KW: i32,
  run: i32,
  step: i32,
  xskip: i32,
  xrow: i32,
  xcol: i32,
): bool {
  let largest = i32x4.splat(0)
  for (let q = 0; q < width; q += 16) {
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
    let p = to + q
    for (let kh = KH; kh > 0; kh--) {
      let s = 0
      for (let kw = KW; kw > 0; kw--) {
        let a0 = r0 + s
        let a1 = r1 + s
        let a2 = r2 + s
        let a3 = r3 + s
        let left = run
        for (; left >= 4; left -= 4) {
          const v0 = v128.load(a0)
          const v1 = v128.load(a1)
          const v2 = v128.load(a2)
          const v3 = v128.load(a3)
          largest = i32x4.max_u(largest, i32x4.shl(v0, 1))
          largest = i32x4.max_u(largest, i32x4.shl(v1, 1))
          largest = i32x4.max_u(largest, i32x4.shl(v2, 1))
          largest = i32x4.max_u(largest, i32x4.shl(v3, 1))
          const l0 = i32x4.shuffle(v0, v1, 0, 4, 1, 5)
          const l1 = i32x4.shuffle(v2, v3, 0, 4, 1, 5)
          const h0 = i32x4.shuffle(v0, v1, 2, 6, 3, 7)
          const h1 = i32x4.shuffle(v2, v3, 2, 6, 3, 7)
          v128.store(p, i32x4.shuffle(l0, l1, 0, 1, 4, 5))
          p += width
          v128.store(p, i32x4.shuffle(l0, l1, 2, 3, 6, 7))
          p += width
          v128.store(p, i32x4.shuffle(h0, h1, 0, 1, 4, 5))
          p += width
          v128.store(p, i32x4.shuffle(h0, h1, 2, 3, 6, 7))
          p += width
          a0 += 16
          a1 += 16
          a2 += 16
          a3 += 16
        }
        for (; left > 0; left--) {
          let v = v128.load32_zero(a0)
          v = v128.load32_lane(a1, v, 1)
          v = v128.load32_lane(a2, v, 2)
          v = v128.load32_lane(a3, v, 3)
          largest = i32x4.max_u(largest, i32x4.shl(v, 1))
          v128.store(p, v)
          p += width
          a0 += 4
          a1 += 4
          a2 += 4
          a3 += 4
        }
        s += xcol
      }
      r0 += xrow
      r1 += xrow
      r2 += xrow
      r3 += xrow
    }
  }
  return !v128.any_true(i32x4.ge_u(largest, i32x4.splat(0xff000000)))
}
