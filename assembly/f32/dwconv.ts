import { madd } from '../madd'
import { storeLanes } from './store'
import { Aux, In, Out } from '../roles'

// @ts-ignore: decorator
@external('hole', 'epilogue')
declare function epilogue(acc: v128, y: usize, aux: usize, column: i32, p0: v128, p1: v128): v128

/**
 * Depthwise convolution of any kernel size, 4 pixels × 4 channels. Strides are in bytes; activations are channels-last
 * and bordered.
 *
 * x       first tap of the first pixel; sy to the next row of pixels, step to the next pixel, xrow and xcol to the next tap
 * w       packed [C / 4][KH][KW][4], padded with zeros
 * b       bias [C rounded up to 4]
 */
export function f32_dwconv(
  x: In,
  w: In,
  b: In,
  y: Out,
  aux: Aux,
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
  const last = OW - 1
  for (let oy = 0; oy < OH; oy++) {
    let wc = w
    for (let n = 0; n < C; n += 4) {
      const column = n << 2
      const bias = v128.load(b + column)
      let r = x + column
      let q = y + column
      let u = aux + column
      for (let ox = 0; ox < OW; ox += 4) {
        // Four pixels share each weight; what hangs over repeats the last one.
        const i1 = min(ox + 1, last)
        const i2 = min(ox + 2, last)
        const i3 = min(ox + 3, last)
        const s1 = (i1 - ox) * step
        const s2 = (i2 - ox) * step
        const s3 = (i3 - ox) * step
        let acc0 = bias
        let acc1 = bias
        let acc2 = bias
        let acc3 = bias
        let p = wc
        let row = r
        for (let kh = 0; kh < KH; kh++) {
          let a = row
          const end = a + across
          do {
            const k = v128.load(p)
            acc0 = madd(v128.load(a), k, acc0)
            acc1 = madd(v128.load(a + s1), k, acc1)
            acc2 = madd(v128.load(a + s2), k, acc2)
            acc3 = madd(v128.load(a + s3), k, acc3)
            a += xcol
            p += 16
          } while (a != end)
          row += xrow
        }
        const q1 = q + (i1 - ox) * ypix
        const q2 = q + (i2 - ox) * ypix
        const q3 = q + (i3 - ox) * ypix
        const u1 = u + (i1 - ox) * auxpix
        const u2 = u + (i2 - ox) * auxpix
        const u3 = u + (i3 - ox) * auxpix
        storeLanes(q, epilogue(acc0, q, u, column, p0, p1), C - n)
        storeLanes(q1, epilogue(acc1, q1, u1, column, p0, p1), C - n)
        storeLanes(q2, epilogue(acc2, q2, u2, column, p0, p1), C - n)
        storeLanes(q3, epilogue(acc3, q3, u3, column, p0, p1), C - n)
        r += step << 2
        q += ypix << 2
        u += auxpix << 2
      }
      wc += KH * KW * 16
    }
    x += sy
    y += yrow
    aux += auxrow
  }
}
