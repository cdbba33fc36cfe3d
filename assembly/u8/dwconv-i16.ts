import { firstFour, lastFour } from './columns'
import { extend, extendHigh } from './extend'
import { pairs } from './pairs'
import { finish, wide } from './store'

/**
 * Depthwise convolution of 8-bit activations with i8 weights, any kernel size, 8 channels at a time, by the dot product of
 * two i16. Strides are in bytes; activations are channels-last and bordered.
 *
 * x       first tap of the first pixel; sy to the next row of pixels, step to the next pixel, xrow and xcol to the next tap
 * w       packed [C / 8][KW][KH / 4][8][4 rows], padded with zeros
 * b, c, table, vectors, element, flip: as those of `u8_igemm_dot_4x8`; `flip` is not looked at
 */
export function u8_dwconv_i16(
  x: usize,
  w: usize,
  b: usize,
  c: usize,
  table: usize,
  y: usize,
  aux: usize,
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
  flip: i32,
): void {
  const size = wide() ? 2 : 0
  const block = KW * ((KH + 3) >> 2) * 32
  for (; OH > 0; OH--) {
    let wn = w
    let bn = b
    let cn = c
    for (let n = 0; n < C; n += 8) {
      let r = x + n
      let q = y + (n << size)
      let u = aux + n * element
      const b0 = v128.load(bn)
      const b1 = v128.load(bn, 16)
      for (let left = OW; left > 0; left--) {
        let c0 = i32x4.splat(0)
        let c1 = c0
        let c2 = c0
        let c3 = c0
        let p = wn
        let column = r
        for (let kw = 0; kw < KW; kw++) {
          let a = column
          for (let rows = KH; rows > 0; rows -= 4) {
            // Rows that are not there have weights of 0: the first stands in for them.
            const x0 = v128.load64_zero(a)
            const x1 = v128.load64_zero(a + (rows > 1 ? xrow : 0))
            const x2 = v128.load64_zero(a + (rows > 2 ? xrow << 1 : 0))
            const x3 = v128.load64_zero(a + (rows > 3 ? 3 * xrow : 0))
            const low = firstFour(x0, x1, x2, x3)
            const high = lastFour(x0, x1, x2, x3)
            c0 = i32x4.add(c0, i32x4.dot_i16x8_s(extend(low), v128.load8x8_s(p)))
            c1 = i32x4.add(c1, i32x4.dot_i16x8_s(extendHigh(low), v128.load8x8_s(p, 8)))
            c2 = i32x4.add(c2, i32x4.dot_i16x8_s(extend(high), v128.load8x8_s(p, 16)))
            c3 = i32x4.add(c3, i32x4.dot_i16x8_s(extendHigh(high), v128.load8x8_s(p, 24)))
            a += xrow << 2
            p += 32
          }
          column += xcol
        }
        finish(q, u, element, i32x4.add(b0, pairs(c0, c1)), i32x4.add(b1, pairs(c2, c3)), cn, vectors, table, C - n)
        r += step
        q += ypix
        u += auxpix
      }
      wn += block
      bn += 64
      cn += vectors << 1
    }
    x += sy
    y += yrow
    aux += auxrow
  }
}
