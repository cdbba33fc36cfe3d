import { interleave } from './columns'
import { expandRows } from './expand-rows'
import { extend } from './extend'
import { finishFour, wide } from './store'
import { Aux, Flip, In, Out, Scratch } from '../roles'

/**
 * The same as `u8_dwconv_i16` for kernels of 3×3. Columns are `xcol` apart and pixels one or two columns; each column is read
 * once for all pixels it is under.
 */
export function u8_dwconv_i16_3x3(
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
  expandRows(scratch, w, ((C + 7) >> 3) * 96)
  for (; OH > 0; OH--) {
    let p = scratch
    let bn = b
    let cn = c
    for (let n = 0; n < C; n += 4) {
      let r0 = x + n
      let r1 = r0 + xrow
      let r2 = r1 + xrow
      let q = y + (n << size)
      let u = aux + n * element
      const bias = v128.load(bn)
      const v0 = v128.load(p)
      const w0 = v128.load(p, 16)
      const v1 = v128.load(p, 64)
      const w1 = v128.load(p, 80)
      const v2 = v128.load(p, 128)
      const w2 = v128.load(p, 144)
      let upper = upperRows(r0, r1)
      let lower = lowerRow(r2)
      r0 += xcol
      r1 += xcol
      r2 += xcol
      let last = add(add(bias, upper, v0), lower, w0)
      let left = OW
      if (step == xcol) {
        upper = upperRows(r0, r1)
        lower = lowerRow(r2)
        last = add(add(last, upper, v1), lower, w1)
        let next = add(add(bias, upper, v0), lower, w0)
        do {
          r0 += xcol
          r1 += xcol
          r2 += xcol
          upper = upperRows(r0, r1)
          lower = lowerRow(r2)
          const sum = add(add(last, upper, v2), lower, w2)
          last = add(add(next, upper, v1), lower, w1)
          next = add(add(bias, upper, v0), lower, w0)
          finishFour(q, u, sum, cn, table, C - n)
          q += ypix
          u += auxpix
        } while (--left)
      } else {
        do {
          last = add(add(last, upperRows(r0, r1), v1), lowerRow(r2), w1)
          r0 += xcol
          r1 += xcol
          r2 += xcol
          upper = upperRows(r0, r1)
          lower = lowerRow(r2)
          const sum = add(add(last, upper, v2), lower, w2)
          last = add(add(bias, upper, v0), lower, w0)
          r0 += xcol
          r1 += xcol
          r2 += xcol
          finishFour(q, u, sum, cn, table, C - n)
          q += ypix
          u += auxpix
        } while (--left)
      }
      const odd = n & 4
      p += odd ? 160 : 32
      bn += odd ? 48 : 16
      cn += vectors
    }
    x += sy
    y += yrow
    aux += auxrow
  }
}

/** Two rows of four channels, in turns. */
// @ts-ignore: decorator
@inline
function upperRows(first: usize, second: usize): v128 {
  return extend(interleave(v128.load32_zero(first), v128.load32_zero(second)))
}

/** The third row, and what its weight of 0 takes away. */
// @ts-ignore: decorator
@inline
function lowerRow(third: usize): v128 {
  const x = v128.load32_zero(third)
  return extend(interleave(x, x))
}

// @ts-ignore: decorator
@inline
function add(sum: v128, x: v128, w: v128): v128 {
  return i32x4.add(sum, i32x4.dot_i16x8_s(x, w))
}
