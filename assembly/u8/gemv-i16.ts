import { extend } from './extend'
import { pairs } from './pairs'
import { finish, wide } from './store'
import { Aux, Flip, In, Out } from '../roles'

/** The same as `u8_gemv_dot_1x32`, one row × 16 columns, by the dot product of two i16; `flip` is not looked at. */
export function u8_gemv_i16_1x16(
  x: In,
  w: In,
  b: In,
  c: In,
  table: In,
  y: Out,
  aux: Aux,
  M: i32,
  K: i32,
  N: i32,
  vectors: i32,
  element: i32,
  xrow: i32,
  yrow: i32,
  auxrow: i32,
  flip: Flip,
): void {
  const size = wide() ? 2 : 0
  const block = ((K + 3) >> 2) << 5
  for (; M > 0; M--) {
    let wn = w
    let bn = b
    let cn = c
    let yn = y
    let un = aux
    for (let n = N; n > 0; n -= 16) {
      let p = wn
      // Where the second block is not there the first is repeated; its sums are not stored.
      const far = n > 8 ? block : 0
      let s0 = i32x4.splat(0)
      let s1 = s0
      let s2 = s0
      let s3 = s0
      let s4 = s0
      let s5 = s0
      let s6 = s0
      let s7 = s0
      const end = x + K
      for (let a = x; a < end; a += 4) {
        const v = extend(v128.load32_splat(a))
        const q = p + far
        s0 = i32x4.add(s0, i32x4.dot_i16x8_s(v, v128.load8x8_s(p)))
        s1 = i32x4.add(s1, i32x4.dot_i16x8_s(v, v128.load8x8_s(p, 8)))
        s2 = i32x4.add(s2, i32x4.dot_i16x8_s(v, v128.load8x8_s(p, 16)))
        s3 = i32x4.add(s3, i32x4.dot_i16x8_s(v, v128.load8x8_s(p, 24)))
        s4 = i32x4.add(s4, i32x4.dot_i16x8_s(v, v128.load8x8_s(q)))
        s5 = i32x4.add(s5, i32x4.dot_i16x8_s(v, v128.load8x8_s(q, 8)))
        s6 = i32x4.add(s6, i32x4.dot_i16x8_s(v, v128.load8x8_s(q, 16)))
        s7 = i32x4.add(s7, i32x4.dot_i16x8_s(v, v128.load8x8_s(q, 24)))
        p += 32
      }
      const sum0 = i32x4.add(v128.load(bn), pairs(s0, s1))
      const sum1 = i32x4.add(v128.load(bn, 16), pairs(s2, s3))
      finish(yn, un, element, sum0, sum1, cn, vectors, table, n)
      if (n > 8) {
        const sum2 = i32x4.add(v128.load(bn, 64), pairs(s4, s5))
        const sum3 = i32x4.add(v128.load(bn, 80), pairs(s6, s7))
        finish(yn + (8 << size), un + (element << 3), element, sum2, sum3, cn + (vectors << 1), vectors, table, n - 8)
      }
      wn += block << 1
      bn += 128
      cn += vectors << 2
      yn += 16 << size
      un += element << 4
    }
    x += xrow
    y += yrow
    aux += auxrow
  }
}
