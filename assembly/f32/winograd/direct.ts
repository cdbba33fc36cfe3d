import { madd } from '../../madd'
import { In, Out } from '../../roles'
import { mplane } from './planes'

/**
 * Four channels of a row of a tile without Winograd, to the bits that `f32_igemm_4x8` gives: the sums of its `pixels` pixels go to the
 * first planes at `m`. `x` is the first tap of the first pixel, `w` the channels' place in a block [3][3][C][8], `b` that of
 * their biases.
 */
export function f32_winograd_direct(x: In, w: In, b: In, m: Out, pixels: i32, C: i32, xrow: i32, xpix: i32): void {
  for (; pixels > 0; pixels--) {
    let row = x
    let p = w
    let sum = v128.load(b)
    for (let kh = 3; kh > 0; kh--) {
      let tap = row
      for (let kw = 3; kw > 0; kw--) {
        const end = tap + (C << 2)
        for (let a = tap; a < end; a += 4) {
          sum = madd(v128.load32_splat(a), v128.load(p), sum)
          p += 32
        }
        tap += xpix
      }
      row += xrow
    }
    v128.store(m, sum)
    m += mplane
    x += xpix
  }
}
