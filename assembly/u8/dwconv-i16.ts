import { interleave } from './columns'
import { expandRows } from './expand-rows'
import { extend, extendHigh } from './extend'
import { finish, wide } from './store'
import { Aux, Flip, In, Out, Scratch } from '../roles'

/**
 * Depthwise convolution of 8-bit activations with i8 weights, any kernel size, 8 channels at a time, by the dot product of
 * two i16. Strides are in bytes; activations are channels-last and bordered.
 *
 * x       first tap of the first pixel; sy to the next row of pixels, step to the next pixel, xrow and xcol to the next tap
 * w       packed [C / 8][KW][KH / 4][8][4 rows], padded with zeros
 * b, c, table, vectors, element, flip: as those of `u8_igemm_dot_6x8`; `flip` is not looked at
 * scratch room for all weights as i16
 */
export function u8_dwconv_i16(
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
  const bands = (KH + 3) >> 2
  const block = KW * bands * 32
  expandRows(scratch, w, ((C + 7) >> 3) * block)
  for (; OH > 0; OH--) {
    let wn = scratch
    let bn = b
    let cn = c
    for (let n = 0; n < C; n += 8) {
      let r = x + n
      let q = y + (n << size)
      let u = aux + n * element
      const b0 = v128.load(bn)
      const b1 = v128.load(bn, 16)
      for (let left = OW; left > 0; left--) {
        let c0 = b0
        let c1 = b1
        let p = wn
        let column = r
        for (let kw = 0; kw < KW; kw++) {
          let a = column
          for (let rows = KH; rows > 0; rows -= 4) {
            // Rows that are not there have weights of 0: the first stands in for them.
            const upper = interleave(v128.load64_zero(a), v128.load64_zero(a + (rows > 1 ? xrow : 0)))
            c0 = i32x4.add(c0, i32x4.dot_i16x8_s(extend(upper), v128.load(p)))
            c1 = i32x4.add(c1, i32x4.dot_i16x8_s(extendHigh(upper), v128.load(p, 32)))
            if (rows > 2) {
              const third = v128.load64_zero(a + (xrow << 1))
              const lower = interleave(third, rows > 3 ? v128.load64_zero(a + 3 * xrow) : third)
              c0 = i32x4.add(c0, i32x4.dot_i16x8_s(extend(lower), v128.load(p, 16)))
              c1 = i32x4.add(c1, i32x4.dot_i16x8_s(extendHigh(lower), v128.load(p, 48)))
            }
            a += xrow << 2
            p += 64
          }
          column += xcol
        }
        finish(q, u, element, c0, c1, cn, vectors, table, C - n)
        r += step
        q += ypix
        u += auxpix
      }
      wn += block << 1
      bn += 64
      cn += vectors << 1
    }
    x += sy
    y += yrow
    aux += auxrow
  }
}
