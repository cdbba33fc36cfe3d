import { madd } from '../madd'
import { storeLanes } from './store'

// @ts-ignore: decorator
@external('hole', 'epilogue')
declare function epilogue(acc: v128, y: usize, aux: usize, column: i32, p0: v128, p1: v128): v128

/**
 * Depthwise convolution of any kernel size, 4 channels at a time. Strides are in bytes; activations are channels-last
 * and bordered.
 *
 * x       first tap of the first pixel; sy to the next row of pixels, step to the next pixel, xrow and xcol to the next tap
 * w       packed [C / 4][KH][KW][4], padded with zeros
 * b       bias [C rounded up to 4]
 */
export function f32_dwconv(
  x: usize,
  w: usize,
  b: usize,
  y: usize,
  aux: usize,
  OH: i32,
  OW: i32,
  C: i32,
  KH: i32,
  KW: i32,
  sy: i32,
  step: i32,
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
  const across = KW * xcol
  for (let oy = 0; oy < OH; oy++) {
    let wc = w
    for (let n = 0; n < C; n += 4) {
      const column = n << 2
      const bias = v128.load(b + column)
      let r = x + column
      let q = y + column
      let u = aux + column
      for (let ox = 0; ox < OW; ox++) {
        let acc = bias
        let p = wc
        let row = r
        for (let kh = 0; kh < KH; kh++) {
          let a = row
          const end = a + across
          do {
            acc = madd(v128.load(a), v128.load(p), acc)
            a += xcol
            p += 16
          } while (a != end)
          row += xrow
        }
        storeLanes(q, epilogue(acc, q, u, column, p0, p1), C - n)
        r += step
        q += ypix
        u += auxpix
      }
      wc += KH * KW * 16
    }
    x += sy
    y += yrow
    aux += auxrow
  }
}
