import { firstFour, lastFour } from './columns'
import { finish, wide } from './store'
import { Aux, Flip, In, Out, Scratch } from '../roles'

/**
 * The same as `u8_dwconv_i16` for kernels of 3×3, by the relaxed dot product of four bytes: three rows of a column and a
 * weight of 0. Columns are `xcol` apart and pixels one or two columns; each column is read once for all pixels it is under.
 * `scratch` is for `u8_dwconv_i16`; for `flip` see `u8_igemm_dot_6x8`.
 */
export function u8_dwconv_dot_3x3(
  x: In,
  w: In,
  b: In,
  c: In,
  table: In,
  y: Out,
  aux: Aux,
  OH: i32,
  OW: i32,
  C: i32,
  KH: i32,
  KW: i32,
  vectors: i32,
  element: i32,
  sy: i32,
  step: i32,
  xrow: i32,
  xcol: i32,
  yrow: i32,
  ypix: i32,
  auxrow: i32,
  auxpix: i32,
  flip: Flip,
  scratch: Scratch,
): void {
  const size = wide() ? 2 : 0
  const mask = i32x4.splat(flip)
  const start = (flip >>> 26) & 32
  for (; OH > 0; OH--) {
    let wn = w
    let bn = b + start
    let cn = c
    for (let n = 0; n < C; n += 8) {
      let r = x + n
      let q = y + (n << size)
      let u = aux + n * element
      const b0 = v128.load(bn)
      const b1 = v128.load(bn, 16)
      if (step == xcol) {
        // Sums of the pixels that began one and two columns ago.
        let l0 = first(r, xrow, mask)
        let h0 = last(r, xrow, mask)
        let one0 = dot(wn, l0, b0)
        let one1 = dot(wn + 16, h0, b1)
        r += xcol
        l0 = first(r, xrow, mask)
        h0 = last(r, xrow, mask)
        let two0 = dot(wn + 32, l0, one0)
        let two1 = dot(wn + 48, h0, one1)
        one0 = dot(wn, l0, b0)
        one1 = dot(wn + 16, h0, b1)
        let left = OW
        do {
          r += xcol
          l0 = first(r, xrow, mask)
          h0 = last(r, xrow, mask)
          const c0 = dot(wn + 64, l0, two0)
          const c1 = dot(wn + 80, h0, two1)
          two0 = dot(wn + 32, l0, one0)
          two1 = dot(wn + 48, h0, one1)
          one0 = dot(wn, l0, b0)
          one1 = dot(wn + 16, h0, b1)
          finish(q, u, element, c0, c1, cn, vectors, table, C - n)
          q += ypix
          u += auxpix
        } while (--left > 0)
      } else {
        let l0 = first(r, xrow, mask)
        let h0 = last(r, xrow, mask)
        let left = OW
        do {
          let c0 = dot(wn, l0, b0)
          let c1 = dot(wn + 16, h0, b1)
          r += xcol
          l0 = first(r, xrow, mask)
          h0 = last(r, xrow, mask)
          c0 = dot(wn + 32, l0, c0)
          c1 = dot(wn + 48, h0, c1)
          r += xcol
          l0 = first(r, xrow, mask)
          h0 = last(r, xrow, mask)
          c0 = dot(wn + 64, l0, c0)
          c1 = dot(wn + 80, h0, c1)
          finish(q, u, element, c0, c1, cn, vectors, table, C - n)
          q += ypix
          u += auxpix
        } while (--left > 0)
      }
      wn += 96
      bn += 64
      cn += vectors << 1
    }
    x += sy
    y += yrow
    aux += auxrow
  }
}

// @ts-ignore: decorator
@inline
function dot(w: usize, x: v128, sum: v128): v128 {
  return i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(w), x, sum)
}

// @ts-ignore: decorator
@inline
function first(a: usize, xrow: i32, mask: v128): v128 {
  const x2 = v128.load64_zero(a + (xrow << 1))
  return v128.xor(firstFour(v128.load64_zero(a), v128.load64_zero(a + xrow), x2, x2), mask)
}

// @ts-ignore: decorator
@inline
function last(a: usize, xrow: i32, mask: v128): v128 {
  const x2 = v128.load64_zero(a + (xrow << 1))
  return v128.xor(lastFour(v128.load64_zero(a), v128.load64_zero(a + xrow), x2, x2), mask)
}
