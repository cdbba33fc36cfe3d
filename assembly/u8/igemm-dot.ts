import { next } from '../pixels'
import { finish, wide } from './store'
import { Aux, Flip, In, Out, Scratch } from '../roles'

// @ts-ignore: decorator
@external('template', 'u8_flip')
declare function flipBytes(p: usize, count: i32, mask: i32): void

/**
 * Convolution and matrix product of 8-bit activations and i8 weights as implicit gemm, 6 pixels × 8 output channels, without
 * im2col, by the relaxed dot product of four bytes. Exact where that instruction takes its second operand as x is, signed or
 * unsigned; where it is the other way round, `flip` is 0x80808080, which makes x - 128 of u8 and x + 128 of i8. All that is read
 * of x, and what stands between, is flipped before and back again behind: in the loop that takes a twelfth of the time. Neither y
 * nor aux may stand there.
 * All strides are in bytes. Activations are channels-last and bordered by their zero point.
 *
 * x       first tap of the first pixel; xg to the next group, sy to the next row of pixels, step to the next pixel,
 *         xrow and xcol to the next tap down and across, run bytes contiguous under each tap
 * w       packed [group][CO / 8][KH][KW][run / 4][8][4], padded with zeros
 * b       i32 sums to start from [group][CO / 8][2][8], for x and for flipped x
 * c       vectors that the hole reads, `vectors` bytes for every 4 channels
 * y, aux  output and a second operand of the hole, with strides of their own; elements of `aux` have `element` bytes
 * scratch and strip are for `u8_igemm_i16_4x8` and `u8_winograd_i16_3x3`.
 * wg, bg, cg, yg and auxg lead to the next group (or image, or matrix).
 * `band` pixels, a multiple of 6, are done for all channels before the next.
 * Pixels are taken six at a time across the ends of rows; what hangs over repeats the last pixel.
 */
export function u8_igemm_dot_6x8(
  x: In,
  w: In,
  b: In,
  c: In,
  table: In,
  y: Out,
  aux: Aux,
  groups: i32,
  OH: i32,
  OW: i32,
  band: i32,
  CO: i32,
  KH: i32,
  KW: i32,
  run: i32,
  vectors: i32,
  element: i32,
  xg: i32,
  sy: i32,
  step: i32,
  xrow: i32,
  xcol: i32,
  wg: i32,
  bg: i32,
  cg: i32,
  yg: i32,
  yrow: i32,
  ypix: i32,
  auxg: i32,
  auxrow: i32,
  auxpix: i32,
  flip: Flip,
  scratch: Scratch,
  strip: i32,
): void {
  const flipped = x
  const bytes =
    (groups - 1) * xg + (OH - 1) * sy + (OW - 1) * step + (KH - 1) * xrow + (KW - 1) * xcol + run
  if (flip) flipBytes(flipped, bytes, flip)
  const start = (flip >>> 26) & 32
  const size = wide() ? 2 : 0
  const stride = ((run + 3) >> 2) << 5
  const block = KH * KW * stride
  const pixels = OH * OW
  const xskip = sy - OW * step
  const yskip = yrow - OW * ypix
  const uskip = auxrow - OW * auxpix
  for (; groups > 0; groups--) {
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
      let bn = b + start
      let cn = c
      for (let n = 0; n < CO; n += 8) {
        const b0 = v128.load(bn)
        const b1 = v128.load(bn, 16)
        const channels = CO - n
        xp = bx
        xc = bxc
        yp = by + (n << size)
        up = bu + n * element
        yc = byc
        let left = count
        do {
          let r0 = xp
          let r1 = r0 + step
          let r2 = r1 + step
          let r3 = r2 + step
          let r4 = r3 + step
          let r5 = r4 + step
          if (xc + 6 <= OW) {
            xp = r5 + step
            xc += 6
            if (xc == OW) {
              xc = 0
              xp += xskip
            }
          } else {
            r1 = xp = next(xp, left > 1, step, ++xc == OW, xskip)
            xc = select(0, xc, xc == OW)
            r2 = xp = next(xp, left > 2, step, ++xc == OW, xskip)
            xc = select(0, xc, xc == OW)
            r3 = xp = next(xp, left > 3, step, ++xc == OW, xskip)
            xc = select(0, xc, xc == OW)
            r4 = xp = next(xp, left > 4, step, ++xc == OW, xskip)
            xc = select(0, xc, xc == OW)
            r5 = xp = next(xp, left > 5, step, ++xc == OW, xskip)
            xc = select(0, xc, xc == OW)
            xp = next(xp, true, step, ++xc == OW, xskip)
            xc = select(0, xc, xc == OW)
          }
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
              let a4 = r4 + s
              let a5 = r5 + s
              const end = a0 + run
              let p = wn + o
              o += stride
              do {
                const w0 = v128.load(p)
                const w1 = v128.load(p, 16)
                const x0 = v128.load32_splat(a0)
                c00 = i32x4.relaxed_dot_i8x16_i7x16_add_s(w0, x0, c00)
                c01 = i32x4.relaxed_dot_i8x16_i7x16_add_s(w1, x0, c01)
                const x1 = v128.load32_splat(a1)
                c10 = i32x4.relaxed_dot_i8x16_i7x16_add_s(w0, x1, c10)
                c11 = i32x4.relaxed_dot_i8x16_i7x16_add_s(w1, x1, c11)
                const x2 = v128.load32_splat(a2)
                c20 = i32x4.relaxed_dot_i8x16_i7x16_add_s(w0, x2, c20)
                c21 = i32x4.relaxed_dot_i8x16_i7x16_add_s(w1, x2, c21)
                const x3 = v128.load32_splat(a3)
                c30 = i32x4.relaxed_dot_i8x16_i7x16_add_s(w0, x3, c30)
                c31 = i32x4.relaxed_dot_i8x16_i7x16_add_s(w1, x3, c31)
                const x4 = v128.load32_splat(a4)
                c40 = i32x4.relaxed_dot_i8x16_i7x16_add_s(w0, x4, c40)
                c41 = i32x4.relaxed_dot_i8x16_i7x16_add_s(w1, x4, c41)
                const x5 = v128.load32_splat(a5)
                c50 = i32x4.relaxed_dot_i8x16_i7x16_add_s(w0, x5, c50)
                c51 = i32x4.relaxed_dot_i8x16_i7x16_add_s(w1, x5, c51)
                a0 += 4
                a1 += 4
                a2 += 4
                a3 += 4
                a4 += 4
                a5 += 4
                p += 32
              } while (a0 < end)
              s += xcol
            } while (--kw > 0)
            if (--kh == 0) break
            r0 += xrow
            r1 += xrow
            r2 += xrow
            r3 += xrow
            r4 += xrow
            r5 += xrow
          }
          finish(yp, up, element, c00, c01, cn, vectors, table, channels)
          yp += ypix
          up += auxpix
          if (++yc == OW) {
            yc = 0
            yp += yskip
            up += uskip
          }
          if (left > 1) {
            finish(yp, up, element, c10, c11, cn, vectors, table, channels)
            yp += ypix
            up += auxpix
            if (++yc == OW) {
              yc = 0
              yp += yskip
              up += uskip
            }
          }
          if (left > 2) {
            finish(yp, up, element, c20, c21, cn, vectors, table, channels)
            yp += ypix
            up += auxpix
            if (++yc == OW) {
              yc = 0
              yp += yskip
              up += uskip
            }
          }
          if (left > 3) {
            finish(yp, up, element, c30, c31, cn, vectors, table, channels)
            yp += ypix
            up += auxpix
            if (++yc == OW) {
              yc = 0
              yp += yskip
              up += uskip
            }
          }
          if (left > 4) {
            finish(yp, up, element, c40, c41, cn, vectors, table, channels)
            yp += ypix
            up += auxpix
            if (++yc == OW) {
              yc = 0
              yp += yskip
              up += uskip
            }
          }
          if (left > 5) {
            finish(yp, up, element, c50, c51, cn, vectors, table, channels)
            yp += ypix
            up += auxpix
            if (++yc == OW) {
              yc = 0
              yp += yskip
              up += uskip
            }
          }
          left -= 6
        } while (left > 0)
        wn += block
        bn += 64
        cn += vectors << 1
        yp -= n << size
        up -= n * element
      }
      bx = xp
      bxc = xc
      by = yp
      byc = yc
      bu = up
    }
    x += xg
    w += wg
    b += bg
    c += cg
    y += yg
    aux += auxg
  }
  if (flip) flipBytes(flipped, bytes, flip)
}
