import { madd } from '../madd'
import { storeLanes } from './store'
import { Aux, In, Out } from '../roles'

// @ts-ignore: decorator
@external('hole', 'epilogue')
declare function epilogue(acc: v128, y: usize, aux: usize, column: i32, p0: v128, p1: v128): v128

/**
 * `f32_dwconv` for 3 × 3 taps where pixels stand as far apart as taps: the nine weights stay in registers along a row, and
 * a column of three elements, loaded once, goes into the sums of three pixels. Operands are the same.
 */
export function f32_dwconv_3x3(
  x: In,
  w: In,
  b: In,
  y: Out,
  aux: Aux,
  OH: i32,
  OW: i32,
  C: i32,
  sy: i32,
  xrow: i32,
  xcol: i32,
  yrow: i32,
  ypix: i32,
  auxrow: i32,
  auxpix: i32,
  f0: f32,
  f1: f32,
): void {
  const p0 = f32x4.splat(f0)
  const p1 = f32x4.splat(f1)
  for (let oy = 0; oy < OH; oy++) {
    let p = w
    for (let n = 0; n < C; n += 4) {
      const column = n << 2
      const bias = v128.load(b + column)
      const w0 = v128.load(p)
      const w1 = v128.load(p, 16)
      const w2 = v128.load(p, 32)
      const w3 = v128.load(p, 48)
      const w4 = v128.load(p, 64)
      const w5 = v128.load(p, 80)
      const w6 = v128.load(p, 96)
      const w7 = v128.load(p, 112)
      const w8 = v128.load(p, 128)
      p += 144
      let r0 = x + column
      let r1 = r0 + xrow
      let r2 = r1 + xrow
      let q = y + column
      let u = aux + column
      // Sums of this pixel and of the next, as far as the columns before this pixel's third go.
      let last = madd(v128.load(r0), w0, bias)
      last = madd(v128.load(r1), w3, last)
      last = madd(v128.load(r2), w6, last)
      r0 += xcol
      r1 += xcol
      r2 += xcol
      let k = v128.load(r0)
      last = madd(k, w1, last)
      let next = madd(k, w0, bias)
      k = v128.load(r1)
      last = madd(k, w4, last)
      next = madd(k, w3, next)
      k = v128.load(r2)
      last = madd(k, w7, last)
      next = madd(k, w6, next)
      let left = OW
      do {
        r0 += xcol
        r1 += xcol
        r2 += xcol
        k = v128.load(r0)
        let acc = madd(k, w2, last)
        last = madd(k, w1, next)
        next = madd(k, w0, bias)
        k = v128.load(r1)
        acc = madd(k, w5, acc)
        last = madd(k, w4, last)
        next = madd(k, w3, next)
        k = v128.load(r2)
        acc = madd(k, w8, acc)
        last = madd(k, w7, last)
        next = madd(k, w6, next)
        storeLanes(q, epilogue(acc, q, u, column, p0, p1), C - n)
        q += ypix
        u += auxpix
      } while (--left)
    }
    x += sy
    y += yrow
    aux += auxrow
  }
}
