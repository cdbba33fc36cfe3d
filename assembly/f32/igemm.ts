import { madd } from '../madd'
import { storeLanes } from './store'

// @ts-ignore: decorator
@external('hole', 'epilogue')
declare function epilogue(acc: v128, y: usize, aux: usize, column: i32, p0: v128, p1: v128): v128

/**
 * Convolution and matrix product as implicit gemm, 4 pixels × 8 output channels, without im2col.
 * All strides are in bytes. Activations are channels-last and bordered, so that no tap needs a bounds test.
 *
 * x       first tap of the first pixel; xg to the next group, sy to the next row of pixels, step to the next pixel,
 *         xrow and xcol to the next tap down and across, run floats contiguous under each tap
 * w       packed [group][CO / 8][KH][KW][run][8], the last block padded with zeros
 * b       bias [group][CO rounded up to 8]; wg, bg, yg and auxg lead to the next group (or image, or matrix)
 * y, aux  output and a second operand for the epilogue, each with strides of its own
 * OW pixels are taken four at a time; what hangs over repeats the last pixel.
 */
export function f32_igemm_4x8(
  x: usize,
  w: usize,
  b: usize,
  y: usize,
  aux: usize,
  groups: i32,
  OH: i32,
  OW: i32,
  CO: i32,
  KH: i32,
  KW: i32,
  run: i32,
  xg: i32,
  sy: i32,
  step: i32,
  xrow: i32,
  xcol: i32,
  wg: i32,
  bg: i32,
  yg: i32,
  yrow: i32,
  ypix: i32,
  auxg: i32,
  auxrow: i32,
  auxpix: i32,
  f0: f32,
  f1: f32,
): void {
  const p0 = f32x4.splat(f0)
  const p1 = f32x4.splat(f1)
  const bytes = run << 2
  const block = KH * KW * bytes * 8
  const last = OW - 1
  for (; groups > 0; groups--) {
    let wn = w
    for (let n = 0; n < CO; n += 8) {
      const column = n << 2
      const b0 = v128.load(b + column)
      const b1 = v128.load(b + column, 16)
      const rest = CO - n
      let xr = x
      let yr = y + column
      let ar = aux + column
      for (let oy = 0; oy < OH; oy++) {
        for (let ox = 0; ox < OW; ox += 4) {
          const i1 = min(ox + 1, last)
          const i2 = min(ox + 2, last)
          const i3 = min(ox + 3, last)
          let r0 = xr + ox * step
          let r1 = xr + i1 * step
          let r2 = xr + i2 * step
          let r3 = xr + i3 * step
          let p = wn
          let c00 = b0
          let c01 = b1
          let c10 = b0
          let c11 = b1
          let c20 = b0
          let c21 = b1
          let c30 = b0
          let c31 = b1
          for (let kh = 0; kh < KH; kh++) {
            let s = 0
            for (let kw = 0; kw < KW; kw++) {
              let a0 = r0 + s
              let a1 = r1 + s
              let a2 = r2 + s
              let a3 = r3 + s
              const end = a0 + bytes
              do {
                const w0 = v128.load(p)
                const w1 = v128.load(p, 16)
                const x0 = v128.load32_splat(a0)
                c00 = madd(x0, w0, c00)
                c01 = madd(x0, w1, c01)
                const x1 = v128.load32_splat(a1)
                c10 = madd(x1, w0, c10)
                c11 = madd(x1, w1, c11)
                const x2 = v128.load32_splat(a2)
                c20 = madd(x2, w0, c20)
                c21 = madd(x2, w1, c21)
                const x3 = v128.load32_splat(a3)
                c30 = madd(x3, w0, c30)
                c31 = madd(x3, w1, c31)
                a0 += 4
                a1 += 4
                a2 += 4
                a3 += 4
                p += 32
              } while (a0 < end)
              s += xcol
            }
            r0 += xrow
            r1 += xrow
            r2 += xrow
            r3 += xrow
          }
          store(yr + ox * ypix, ar + ox * auxpix, column, c00, c01, rest, p0, p1)
          store(yr + i1 * ypix, ar + i1 * auxpix, column, c10, c11, rest, p0, p1)
          store(yr + i2 * ypix, ar + i2 * auxpix, column, c20, c21, rest, p0, p1)
          store(yr + i3 * ypix, ar + i3 * auxpix, column, c30, c31, rest, p0, p1)
        }
        xr += sy
        yr += yrow
        ar += auxrow
      }
      wn += block
    }
    x += xg
    w += wg
    b += bg
    y += yg
    aux += auxg
  }
}

// @ts-ignore: decorator
@inline
function store(y: usize, aux: usize, column: i32, c0: v128, c1: v128, rest: i32, p0: v128, p1: v128): void {
  c0 = epilogue(c0, y, aux, column, p0, p1)
  if (rest <= 4) {
    storeLanes(y, c0, rest)
    return
  }
  v128.store(y, c0)
  storeLanes(y + 16, epilogue(c1, y + 16, aux + 16, column + 16, p0, p1), rest - 4)
}
