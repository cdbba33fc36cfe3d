import { madd } from '../madd'
import { storeLanes } from './store'

// @ts-ignore: decorator
@external('hole', 'epilogue')
declare function epilogue(acc: v128, y: usize, aux: usize, column: i32, p0: v128, p1: v128): v128

/** `f32_dwconv` for 3 × 3 taps, whose nine weights stay in registers along a row. Operands are the same. */
export function f32_dwconv_3x3(
  x: usize,
  w: usize,
  b: usize,
  y: usize,
  aux: usize,
  OH: i32,
  OW: i32,
  C: i32,
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
      let r = x + column
      let q = y + column
      let u = aux + column
      for (let ox = 0; ox < OW; ox++) {
        const r1 = r + xrow
        const r2 = r1 + xrow
        let acc = madd(v128.load(r), w0, bias)
        let sum = f32x4.mul(v128.load(r + xcol), w1)
        acc = madd(v128.load(r + xcol + xcol), w2, acc)
        sum = madd(v128.load(r1), w3, sum)
        acc = madd(v128.load(r1 + xcol), w4, acc)
        sum = madd(v128.load(r1 + xcol + xcol), w5, sum)
        acc = madd(v128.load(r2), w6, acc)
        sum = madd(v128.load(r2 + xcol), w7, sum)
        acc = f32x4.add(madd(v128.load(r2 + xcol + xcol), w8, acc), sum)
        storeLanes(q, epilogue(acc, q, u, column, p0, p1), C - n)
        r += step
        q += ypix
        u += auxpix
      }
    }
    x += sy
    y += yrow
    aux += auxrow
  }
}
