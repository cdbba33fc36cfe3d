import { madd } from '../../madd'
import { mplane } from './planes'
import { In, Out } from '../../roles'

/** For each of `planes` planes, m [tiles][8] = v [tiles][C] · u [C][8], where `tiles` is rounded up to a multiple of 4. */
export function f32_winograd_multiply(v: In, vplane: i32, u: In, uplane: i32, m: Out, planes: i32, tiles: i32, C: i32): void {
  const row = C << 2
  const last = m + planes * mplane
  do {
    let x = v
    let to = m
    const beyond = m + (tiles << 5)
    do {
      let a0 = x
      let a1 = a0 + row
      let a2 = a1 + row
      let a3 = a2 + row
      const end = a1
      let p = u
      let c00 = f32x4.splat(0)
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
        c00 = madd(x0, w0, c00)
        c01 = madd(x0, w1, c01)
        const x1 = v128.load32_splat(a1)
        c10 = madd(x1, w0, c10)
        c11 = madd(x1, w1, c11)
        const x2 = v128.load32_splat(a2)
        c20 = madd(x2, w0, c20)
        c21 = madd(x2, w1, c21)
        const x3 = v128.load32_splat(a3)
        c30 = madd(x3, w0, c30)
        c31 = madd(x3, w1, c31)
        a0 += 4
        a1 += 4
        a2 += 4
        a3 += 4
        p += 32
      } while (a0 < end)
      v128.store(to, c00)
      v128.store(to, c01, 16)
      v128.store(to, c10, 32)
      v128.store(to, c11, 48)
      v128.store(to, c20, 64)
      v128.store(to, c21, 80)
      v128.store(to, c30, 96)
      v128.store(to, c31, 112)
      x += row << 2
      to += 128
    } while (to < beyond)
    v += vplane
    u += uplane
    m += mplane
  } while (m < last)
}
