import { madd } from '../madd'
import { storeLanes } from './store'
import { Aux, In, Out } from '../roles'

// @ts-ignore: decorator
@external('hole', 'epilogue')
declare function epilogue(acc: v128, y: usize, aux: usize, column: i32, p0: v128, p1: v128): v128

/**
 * `f32_dwconv` where pixels stand as far apart as taps and a row has four or more: an element is loaded once for the four
 * pixels of a tile. The last tile of a row ends with it and may do again what the one before has done.
 */
export function f32_dwconv_s1(
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
      for (let tile = 0; tile < OW; tile += 4) {
        const ox = min(tile, OW - 4)
        let acc0 = bias
        let acc1 = bias
        let acc2 = bias
        let acc3 = bias
        let p = wc
        let row = x + column + ox * xcol
        for (let kh = 0; kh < KH; kh++) {
          let a = row
          const end = a + across
          let x0 = v128.load(a)
          let x1 = v128.load(a + xcol)
          let x2 = v128.load(a + 2 * xcol)
          do {
            const k = v128.load(p)
            const x3 = v128.load(a + 3 * xcol)
            acc0 = madd(x0, k, acc0)
            acc1 = madd(x1, k, acc1)
            acc2 = madd(x2, k, acc2)
            acc3 = madd(x3, k, acc3)
            x0 = x1
            x1 = x2
            x2 = x3
            a += xcol
            p += 16
          } while (a != end)
          row += xrow
        }
        let q = y + column + ox * ypix
        let u = aux + column + ox * auxpix
        storeLanes(q, epilogue(acc0, q, u, column, p0, p1), C - n)
        q += ypix
        u += auxpix
        storeLanes(q, epilogue(acc1, q, u, column, p0, p1), C - n)
        q += ypix
        u += auxpix
        storeLanes(q, epilogue(acc2, q, u, column, p0, p1), C - n)
        q += ypix
        u += auxpix
        storeLanes(q, epilogue(acc3, q, u, column, p0, p1), C - n)
      }
      wc += KH * KW * 16
    }
    x += sy
    y += yrow
    aux += auxrow
  }
}
