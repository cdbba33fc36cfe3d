import { madd } from '../../madd'
import { next } from '../../pixels'
import { ragged } from '../../ragged'
import { expand, expandedFrom } from '../expand'
import { storeLanes } from '../store'

// @ts-ignore: decorator
@external('hole', 'epilogue')
declare function epilogue(acc: v128, y: usize, aux: usize, column: i32, p0: v128, p1: v128): v128

/** One group of any of them, `side` pixels at a time; `quantized` and `side` are constants. */
// @ts-ignore: decorator
@inline
export function group(
  quantized: bool,
  side: i32,
  x: usize,
  w: usize,
  b: usize,
  y: usize,
  aux: usize,
  OH: i32,
  OW: i32,
  band: i32,
  CO: i32,
  KH: i32,
  KW: i32,
  run: i32,
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
  scales: usize,
  scratch: usize,
): void {
  const p0 = f32x4.splat(f0)
  const p1 = f32x4.splat(f1)
  const bytes = run << 2
  const rows = KH * KW * run
  const block = quantized ? expandedFrom(rows) : KH * KW * bytes * 8
  const pixels = OH * OW
  const xskip = sy - OW * step
  const yskip = yrow - OW * ypix
  const uskip = auxrow - OW * auxpix
  // Where the band begins: what it reads stays in cache while all output channels go over it.
  let bx = x
  let by = y
  let bu = aux
  let bxc = 0
  let byc = 0
  for (let rest = pixels; rest > 0; rest -= band) {
    const count = min(band, rest)
    let xp: usize = 0
    let yp: usize = 0
    let up: usize = 0
    let xc = 0
    let yc = 0
    let wn = w
    for (let n = 0; n < CO; n += 8) {
      const column = n << 2
      const b0 = v128.load(b + column)
      const b1 = v128.load(b + column, 16)
      const channels = CO - n
      if (quantized) {
        expand(scratch, wn, rows, v128.load(scales + column), v128.load(scales + column, 16))
      }
      // Taps are read and results written by two walks over the pixels, so that few pointers live through the sums.
      xp = bx
      xc = bxc
      yp = by + column
      up = bu + column
      yc = byc
      let left = count
      do {
        let r0 = xp
        let r1 = r0 + step
        let r2 = r1 + step
        let r3 = r2 + step
        let r4 = side > 4 ? r3 + step : r3
        let r5 = side > 5 ? r4 + step : r4
        if (xc + side <= OW) {
          xp = r5 + step
          xc += side
          if (xc == OW) {
            xc = 0
            xp += xskip
          }
        } else {
          // The tile goes across the end of a row, or of the image: there pixels repeat the last one.
          r1 = xp = next(xp, left > 1, step, ++xc == OW, xskip)
          xc = select(0, xc, xc == OW)
          r2 = xp = next(xp, left > 2, step, ++xc == OW, xskip)
          xc = select(0, xc, xc == OW)
          r3 = xp = next(xp, left > 3, step, ++xc == OW, xskip)
          xc = select(0, xc, xc == OW)
          if (side > 4) {
            r4 = xp = next(xp, left > 4, step, ++xc == OW, xskip)
            xc = select(0, xc, xc == OW)
          }
          if (side > 5) {
            r5 = xp = next(xp, left > 5, step, ++xc == OW, xskip)
            xc = select(0, xc, xc == OW)
          }
          xp = next(xp, true, step, ++xc == OW, xskip)
          xc = select(0, xc, xc == OW)
        }
        const first = quantized ? scratch : wn
        let o = 0
        let c00 = b0
        let c01 = b1
        let c10 = b0
        let c11 = b1
        let c20 = b0
        let c21 = b1
        let c30 = b0
        let c31 = b1
        let c40 = b0
        let c41 = b1
        let c50 = b0
        let c51 = b1
        let kh = KH
        while (true) {
          let s = 0
          let kw = KW
          do {
            let a0 = r0 + s
            let a1 = r1 + s
            let a2 = r2 + s
            let a3 = r3 + s
            let a4 = side > 4 ? r4 + s : a3
            let a5 = side > 5 ? r5 + s : a3
            const end = a0 + bytes
            // Sums, of which V8 knows that they have 32 bits, and does not extend them again at every step.
            let p = first + o
            o += bytes << 3
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
              if (side > 4) {
                const x4 = v128.load32_splat(a4)
                c40 = madd(x4, w0, c40)
                c41 = madd(x4, w1, c41)
                a4 += 4
              }
              if (side > 5) {
                const x5 = v128.load32_splat(a5)
                c50 = madd(x5, w0, c50)
                c51 = madd(x5, w1, c51)
                a5 += 4
              }
              a0 += 4
              a1 += 4
              a2 += 4
              a3 += 4
              p += 32
            } while (a0 < end)
            s += xcol
          } while (--kw > 0)
          if (--kh == 0) break
          r0 += xrow
          r1 += xrow
          r2 += xrow
          r3 += xrow
          if (side > 4) r4 += xrow
          if (side > 5) r5 += xrow
        }
        let y0 = yp
        let y1 = y0 + ypix
        let y2 = y1 + ypix
        let y3 = y2 + ypix
        let y4 = side > 4 ? y3 + ypix : y3
        let y5 = side > 5 ? y4 + ypix : y4
        let u0 = up
        let u1 = u0 + auxpix
        let u2 = u1 + auxpix
        let u3 = u2 + auxpix
        let u4 = side > 4 ? u3 + auxpix : u3
        let u5 = side > 5 ? u4 + auxpix : u4
        if (yc + side < OW) {
          yp = y5 + ypix
          up = u5 + auxpix
          yc += side
        } else {
          y1 = yp = next(yp, true, ypix, ++yc == OW, yskip)
          u1 = up = next(up, true, auxpix, yc == OW, uskip)
          yc = select(0, yc, yc == OW)
          y2 = yp = next(yp, true, ypix, ++yc == OW, yskip)
          u2 = up = next(up, true, auxpix, yc == OW, uskip)
          yc = select(0, yc, yc == OW)
          y3 = yp = next(yp, true, ypix, ++yc == OW, yskip)
          u3 = up = next(up, true, auxpix, yc == OW, uskip)
          yc = select(0, yc, yc == OW)
          if (side > 4) {
            y4 = yp = next(yp, true, ypix, ++yc == OW, yskip)
            u4 = up = next(up, true, auxpix, yc == OW, uskip)
            yc = select(0, yc, yc == OW)
          }
          if (side > 5) {
            y5 = yp = next(yp, true, ypix, ++yc == OW, yskip)
            u5 = up = next(up, true, auxpix, yc == OW, uskip)
            yc = select(0, yc, yc == OW)
          }
          yp = next(yp, true, ypix, ++yc == OW, yskip)
          up = next(up, true, auxpix, yc == OW, uskip)
          yc = select(0, yc, yc == OW)
        }
        if (ragged() && channels < 8) {
          storePart(y0, u0, column, c00, c01, channels, p0, p1)
          if (left > 1) storePart(y1, u1, column, c10, c11, channels, p0, p1)
          if (left > 2) storePart(y2, u2, column, c20, c21, channels, p0, p1)
          if (left > 3) storePart(y3, u3, column, c30, c31, channels, p0, p1)
          if (side > 4 && left > 4) storePart(y4, u4, column, c40, c41, channels, p0, p1)
          if (side > 5 && left > 5) storePart(y5, u5, column, c50, c51, channels, p0, p1)
        } else {
          store(y0, u0, column, c00, c01, p0, p1)
          if (left > 1) store(y1, u1, column, c10, c11, p0, p1)
          if (left > 2) store(y2, u2, column, c20, c21, p0, p1)
          if (left > 3) store(y3, u3, column, c30, c31, p0, p1)
          if (side > 4 && left > 4) store(y4, u4, column, c40, c41, p0, p1)
          if (side > 5 && left > 5) store(y5, u5, column, c50, c51, p0, p1)
        }
        left -= side
      } while (left > 0)
      wn += block
      yp -= column
      up -= column
    }
    bx = xp
    bxc = xc
    by = yp
    byc = yc
    bu = up
  }
}

// @ts-ignore: decorator
@inline
function store(y: usize, aux: usize, column: i32, c0: v128, c1: v128, p0: v128, p1: v128): void {
  v128.store(y, epilogue(c0, y, aux, column, p0, p1))
  v128.store(y, epilogue(c1, y + 16, aux + 16, column + 16, p0, p1), 16)
}

/** Of fewer than eight channels. */
// @ts-ignore: decorator
@inline
function storePart(y: usize, aux: usize, column: i32, c0: v128, c1: v128, channels: i32, p0: v128, p1: v128): void {
  c0 = epilogue(c0, y, aux, column, p0, p1)
  if (channels <= 4) {
    storeLanes(y, c0, channels)
    return
  }
  v128.store(y, c0)
  storeLanes(y + 16, epilogue(c1, y + 16, aux + 16, column + 16, p0, p1), channels - 4)
}
