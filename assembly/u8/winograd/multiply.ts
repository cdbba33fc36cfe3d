import { In, Out } from '../../roles'
import { mplane } from './planes'

/**
 * Products of four tiles of 16 planes [C], `vplane` bytes apart, and eight channels' weights of 16 planes [C / 2][8][2],
 * `uplane` apart: 16 planes [4][8] of i32 at `m`.
 */
export function i16_winograd_multiply(v: In, u: In, m: Out, C: i32, vplane: i32, uplane: i32): void {
  const row = C << 1
  for (let plane = 16; plane > 0; plane--) {
    let a0 = v
    let p = u
    let a1 = a0 + row
    let a2 = a1 + row
    let a3 = a2 + row
    const end = a1
    let c00 = i32x4.splat(0)
    let c01 = c00
    let c10 = c00
    let c11 = c00
    let c20 = c00
    let c21 = c00
    let c30 = c00
    let c31 = c00
    do {
      const w0 = v128.load(p)
      const w1 = v128.load(p, 16)
      const x0 = v128.load32_splat(a0)
      c00 = i32x4.add(c00, i32x4.dot_i16x8_s(x0, w0))
      c01 = i32x4.add(c01, i32x4.dot_i16x8_s(x0, w1))
      const x1 = v128.load32_splat(a1)
      c10 = i32x4.add(c10, i32x4.dot_i16x8_s(x1, w0))
      c11 = i32x4.add(c11, i32x4.dot_i16x8_s(x1, w1))
      const x2 = v128.load32_splat(a2)
      c20 = i32x4.add(c20, i32x4.dot_i16x8_s(x2, w0))
      c21 = i32x4.add(c21, i32x4.dot_i16x8_s(x2, w1))
      const x3 = v128.load32_splat(a3)
      c30 = i32x4.add(c30, i32x4.dot_i16x8_s(x3, w0))
      c31 = i32x4.add(c31, i32x4.dot_i16x8_s(x3, w1))
      a0 += 4
      a1 += 4
      a2 += 4
      a3 += 4
      p += 32
    } while (a0 < end)
    v128.store(m, c00)
    v128.store(m, c01, 16)
    v128.store(m, c10, 32)
    v128.store(m, c11, 48)
    v128.store(m, c20, 64)
    v128.store(m, c21, 80)
    v128.store(m, c30, 96)
    v128.store(m, c31, 112)
    v += vplane
    u += uplane
    m += mplane
  }
}
