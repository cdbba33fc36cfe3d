import { finish, wide } from './store'
import { Aux, Flip, In, Out } from '../roles'

/**
 * Product of a few rows of 8-bit activations with i8 weights, one row × 32 columns, by the relaxed dot product of four
 * bytes. Strides are in bytes.
 *
 * x, y, aux  M rows, xrow, yrow and auxrow apart
 * w          packed [N / 8][K / 4][8][4], as for `u8_igemm_dot_6x8`, as b, c, table, vectors, element and flip are
 */
export function u8_gemv_dot_1x32(
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
  const mask = i32x4.splat(flip)
  const start = (flip >>> 26) & 32
  const size = wide() ? 2 : 0
  const block = ((K + 3) >> 2) << 5
  for (; M > 0; M--) {
    let wn = w
    let bn = b + start
    let cn = c
    let yn = y
    let un = aux
    for (let n = N; n > 0; n -= 32) {
      // Blocks that are not there repeat the first; their sums are not stored.
      const w1 = wn + (n > 8 ? block : 0)
      const w2 = wn + (n > 16 ? block << 1 : 0)
      const w3 = wn + (n > 24 ? 3 * block : 0)
      let s0 = v128.load(bn)
      let s1 = v128.load(bn, 16)
      const b2 = bn + (n > 8 ? 64 : 0)
      let s2 = v128.load(b2)
      let s3 = v128.load(b2, 16)
      const b4 = bn + (n > 16 ? 128 : 0)
      let s4 = v128.load(b4)
      let s5 = v128.load(b4, 16)
      const b6 = bn + (n > 24 ? 192 : 0)
      let s6 = v128.load(b6)
      let s7 = v128.load(b6, 16)
      const end = x + K
      let p: usize = 0
      for (let a = x; a < end; a += 4) {
        const v = v128.xor(v128.load32_splat(a), mask)
        s0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(wn + p), v, s0)
        s1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(wn + p, 16), v, s1)
        s2 = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(w1 + p), v, s2)
        s3 = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(w1 + p, 16), v, s3)
        s4 = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(w2 + p), v, s4)
        s5 = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(w2 + p, 16), v, s5)
        s6 = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(w3 + p), v, s6)
        s7 = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(w3 + p, 16), v, s7)
        p += 32
      }
      finish(yn, un, element, s0, s1, cn, vectors, table, n)
      const next = vectors << 1
      const far = element << 3
      if (n > 8) finish(yn + (8 << size), un + far, element, s2, s3, cn + next, vectors, table, n - 8)
      if (n > 16) finish(yn + (16 << size), un + (far << 1), element, s4, s5, cn + (next << 1), vectors, table, n - 16)
      if (n > 24) finish(yn + (24 << size), un + 3 * far, element, s6, s7, cn + 3 * next, vectors, table, n - 24)
      wn += block << 2
      bn += 256
      cn += vectors << 3
      yn += 32 << size
      un += element << 5
    }
    x += xrow
    y += yrow
    aux += auxrow
  }
}
