import { extend } from './extend'
import { pairs } from './pairs'
import { next } from '../pixels'
import { finish, wide } from './store'

/** `count` bytes as i16. */
// @ts-ignore: decorator
@inline
function expand(to: usize, from: usize, count: i32): void {
  const end = from + count
  do {
    v128.store(to, v128.load8x8_s(from))
    to += 16
    from += 8
  } while (from < end)
}

/**
 * The same as `u8_igemm_dot_4x8`, 2 pixels × 8 output channels, by the dot product of two i16, which every engine computes
 * exactly. Operands and packing are the same; `flip` is not looked at. `scratch` has room for a block's weights as i16.
 */
export function u8_igemm_i16_2x8(
  x: usize,
  w: usize,
  b: usize,
  c: usize,
  table: usize,
  y: usize,
  aux: usize,
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
  flip: i32,
  scratch: usize,
): void {
  const size = wide() ? 2 : 0
  const block = KH * KW * ((run + 3) >> 2) * 32
  const pixels = OH * OW
  const xskip = sy - OW * step
  const yskip = yrow - OW * ypix
  const uskip = auxrow - OW * auxpix
  for (; groups > 0; groups--) {
    let bx = x
    let by = y
    let bu = aux
    let bxc = 0
    for (let rest = pixels; rest > 0; rest -= band) {
      const count = min(band, rest)
      let xp: usize = 0
      let yp: usize = 0
      let up: usize = 0
      let xc = 0
      let wn = w
      let bn = b
      let cn = c
      for (let n = 0; n < CO; n += 8) {
        const channels = CO - n
        expand(scratch, wn, block)
        xp = bx
        xc = bxc
        yp = by + (n << size)
        up = bu + n * element
        for (let left = count; left > 0; left -= 2) {
          const more = left > 1
          const ends = ++xc == OW
          let r0 = xp
          let r1 = next(xp, more, step, ends, xskip)
          const q0 = yp
          const q1 = next(yp, more, ypix, ends, yskip)
          const u0 = up
          const u1 = next(up, more, auxpix, ends, uskip)
          xc = select(0, xc, ends)
          const wraps = ++xc == OW
          xc = select(0, xc, wraps)
          xp = next(r1, true, step, wraps, xskip)
          yp = next(q1, true, ypix, wraps, yskip)
          up = next(u1, true, auxpix, wraps, uskip)
          let p = scratch
          let c00 = i32x4.splat(0)
          let c01 = c00
          let c02 = c00
          let c03 = c00
          let c10 = c00
          let c11 = c00
          let c12 = c00
          let c13 = c00
          for (let kh = 0; kh < KH; kh++) {
            let s = 0
            for (let kw = 0; kw < KW; kw++) {
              let a0 = r0 + s
              let a1 = r1 + s
              const end = a0 + run
              do {
                // Four bytes of x, twice; four bytes of w for each of two channels.
                const x0 = extend(v128.load32_splat(a0))
                const x1 = extend(v128.load32_splat(a1))
                const w0 = v128.load(p)
                c00 = i32x4.add(c00, i32x4.dot_i16x8_s(x0, w0))
                c10 = i32x4.add(c10, i32x4.dot_i16x8_s(x1, w0))
                const w1 = v128.load(p, 16)
                c01 = i32x4.add(c01, i32x4.dot_i16x8_s(x0, w1))
                c11 = i32x4.add(c11, i32x4.dot_i16x8_s(x1, w1))
                const w2 = v128.load(p, 32)
                c02 = i32x4.add(c02, i32x4.dot_i16x8_s(x0, w2))
                c12 = i32x4.add(c12, i32x4.dot_i16x8_s(x1, w2))
                const w3 = v128.load(p, 48)
                c03 = i32x4.add(c03, i32x4.dot_i16x8_s(x0, w3))
                c13 = i32x4.add(c13, i32x4.dot_i16x8_s(x1, w3))
                a0 += 4
                a1 += 4
                p += 64
              } while (a0 < end)
              s += xcol
            }
            r0 += xrow
            r1 += xrow
          }
          const b0 = v128.load(bn)
          const b1 = v128.load(bn, 16)
          finish(q0, u0, element, i32x4.add(b0, pairs(c00, c01)), i32x4.add(b1, pairs(c02, c03)), cn, vectors, table, channels)
          finish(q1, u1, element, i32x4.add(b0, pairs(c10, c11)), i32x4.add(b1, pairs(c12, c13)), cn, vectors, table, channels)
        }
        wn += block
        bn += 64
        cn += vectors << 1
        yp -= n << size
        up -= n * element
      }
      bx = xp
      bxc = xc
      by = yp
      bu = up
    }
    x += xg
    w += wg
    b += bg
    c += cg
    y += yg
    aux += auxg
  }
}
