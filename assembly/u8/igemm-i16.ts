import { finish, wide } from './store'
import { Aux, Flip, In, Out, Scratch } from '../roles'

// @ts-ignore: decorator
@external('template', 'u8_gather_taps')
declare function gatherTaps(
  x: usize,
  to: usize,
  row: i32,
  count: i32,
  across: i32,
  OW: i32,
  KH: i32,
  KW: i32,
  run: i32,
  step: i32,
  xskip: i32,
  xrow: i32,
  xcol: i32,
): void

// @ts-ignore: decorator
@external('template', 'i8_pair_weights')
declare function pairWeights(from: usize, to: usize, taps: i32, run: i32): void

/**
 * The same as `u8_igemm_dot_6x8` by the dot product of two i16, which every engine computes exactly. Operands and packing
 * are the same; `flip` and `band` are not looked at.
 *
 * strip   pixels, a multiple of 4, whose taps are gathered as i16 before all output channels go over them
 * scratch a block's weights as i16, each run rounded up to an even number, and 32 bytes; then the strip, in which the last
 *         run of a pixel is rounded up to a multiple of 8
 */
export function u8_igemm_i16_4x8(
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
  const size = wide() ? 2 : 0
  const taps = KH * KW
  const tap = ((run + 1) << 1) & ~3
  const bytes = taps * tap
  const block = taps * ((run + 3) >> 2) << 5
  // What the last store of a pixel overruns is not the next one's.
  const row = bytes - tap + (((run + 7) << 1) & ~15)
  const gathered = scratch + (bytes << 3) + 32
  const pixels = OH * OW
  const xskip = sy - OW * step
  const yskip = yrow - OW * ypix
  const uskip = auxrow - OW * auxpix
  for (; groups > 0; groups--) {
    for (let done = 0; done < pixels; done += strip) {
      const count = min(strip, pixels - done)
      const down = done / OW
      const across = done - down * OW
      const first = x + down * sy + across * step
      gatherTaps(first, gathered, row, count, across, OW, KH, KW, run, step, xskip, xrow, xcol)
      let wn = w
      let bn = b
      let cn = c
      for (let n = 0; n < CO; n += 8) {
        pairWeights(wn, scratch, taps, run)
        let yp = y + down * yrow + across * ypix + (n << size)
        let up = aux + down * auxrow + across * auxpix + n * element
        let yc = across
        let a = gathered
        let left = count
        do {
          const end = a + bytes
          const a1 = a + row
          const a2 = a1 + row
          const a3 = a2 + row
          const b0 = v128.load(bn)
          const b1 = v128.load(bn, 16)
          let c00 = b0
          let c01 = b1
          let c10 = b0
          let c11 = b1
          let c20 = b0
          let c21 = b1
          let c30 = b0
          let c31 = b1
          let p = scratch
          let r0 = a
          let r1 = a1
          let r2 = a2
          let r3 = a3
          do {
            const w0 = v128.load(p)
            const w1 = v128.load(p, 16)
            const x0 = v128.load32_splat(r0)
            c00 = i32x4.add(c00, i32x4.dot_i16x8_s(x0, w0))
            c01 = i32x4.add(c01, i32x4.dot_i16x8_s(x0, w1))
            const x1 = v128.load32_splat(r1)
            c10 = i32x4.add(c10, i32x4.dot_i16x8_s(x1, w0))
            c11 = i32x4.add(c11, i32x4.dot_i16x8_s(x1, w1))
            const x2 = v128.load32_splat(r2)
            c20 = i32x4.add(c20, i32x4.dot_i16x8_s(x2, w0))
            c21 = i32x4.add(c21, i32x4.dot_i16x8_s(x2, w1))
            const x3 = v128.load32_splat(r3)
            c30 = i32x4.add(c30, i32x4.dot_i16x8_s(x3, w0))
            c31 = i32x4.add(c31, i32x4.dot_i16x8_s(x3, w1))
            r0 += 4
            r1 += 4
            r2 += 4
            r3 += 4
            p += 32
          } while (r0 < end)
          a = a3 + row
          // inline finish
          finish(yp, up, element, c00, c01, cn, vectors, table, CO - n)
          yp += ypix
          up += auxpix
          if (++yc == OW) {
            yc = 0
            yp += yskip
            up += uskip
          }
          if (left > 1) {
            finish(yp, up, element, c10, c11, cn, vectors, table, CO - n)
            yp += ypix
            up += auxpix
            if (++yc == OW) {
              yc = 0
              yp += yskip
              up += uskip
            }
          }
          if (left > 2) {
            finish(yp, up, element, c20, c21, cn, vectors, table, CO - n)
            yp += ypix
            up += auxpix
            if (++yc == OW) {
              yc = 0
              yp += yskip
              up += uskip
            }
          }
          if (left > 3) {
            finish(yp, up, element, c30, c31, cn, vectors, table, CO - n)
            yp += ypix
            up += auxpix
            if (++yc == OW) {
              yc = 0
              yp += yskip
              up += uskip
            }
          }
          left -= 4
        } while (left > 0)
        wn += block
        bn += 64
        cn += vectors << 1
      }
    }
    x += xg
    w += wg
    b += bg
    c += cg
    y += yg
    aux += auxg
  }
}
