import { finishFour, wide } from './store'
import { Aux, In, Out, Scratch } from '../roles'

// @ts-ignore: decorator
@external('template', 'u8_gather_pixels')
declare function gatherPixels(
  x: usize,
  to: usize,
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

/**
 * `f32_spmm_8x4` in integers, by the dot product of two i16, which every engine computes exactly. Activations, biases, `c`, `table`,
 * `vectors` and `element` are as for `u8_igemm_dot_6x8`, one group.
 *
 * w       [pair][4][2] i8: two entries together, the last of a block beside zeros where their number is odd
 * deltas  of each entry, as for `f32_spmm_8x4`; counts of entries are even
 * scratch 256 bytes, then KH · KW · run rows of eight i16, and seven more
 */
export function u8_spmm_i16_8x4(
  x: In,
  w: In,
  deltas: In,
  counts: In,
  b: In,
  c: In,
  table: In,
  y: Out,
  aux: Aux,
  scratch: Scratch,
  OH: i32,
  OW: i32,
  CO: i32,
  KH: i32,
  KW: i32,
  run: i32,
  vectors: i32,
  element: i32,
  sy: i32,
  step: i32,
  xrow: i32,
  xcol: i32,
  yrow: i32,
  ypix: i32,
  auxrow: i32,
  auxpix: i32,
): void {
  const size = wide() ? 2 : 0
  const pixels = OH * OW
  const xskip = sy - OW * step
  const places = scratch
  const sums = scratch + 128
  const rows = scratch + 256
  let down = 0
  let across = 0
  for (let left = pixels; left > 0; left -= 8) {
    gatherPixels(x + down * sy + across * step, rows, left, across, OW, KH, KW, run, step, xskip, xrow, xcol)
    const count = min(left, 8)
    for (let i = 0; i < count; i++) {
      store<i32>(places + (i << 3), down * yrow + across * ypix)
      store<i32>(places + (i << 3), down * auxrow + across * auxpix, 4)
      if (++across == OW) {
        across = 0
        down++
      }
    }
    let v = w
    let d = deltas
    let cs = counts
    let cn = c
    for (let n = 0; n < CO; n += 4) {
      const bn = b + ((n >> 3) << 6) + ((n & 4) << 2)
      let p = rows
      let c00 = v128.load32_splat(bn)
      let c10 = v128.load32_splat(bn, 4)
      let c20 = v128.load32_splat(bn, 8)
      let c30 = v128.load32_splat(bn, 12)
      let c01 = c00
      let c11 = c10
      let c21 = c20
      let c31 = c30
      const end = d + <i32>load<u16>(cs)
      for (; d < end; d += 2) {
        p += <i32>load<u8>(d) << 4
        const xa = v128.load(p)
        p += <i32>load<u8>(d, 1) << 4
        const xb = v128.load(p)
        const lo = i16x8.shuffle(xa, xb, 0, 8, 1, 9, 2, 10, 3, 11)
        const hi = i16x8.shuffle(xa, xb, 4, 12, 5, 13, 6, 14, 7, 15)
        const weights = v128.load8x8_s(v)
        const w0 = i32x4.shuffle(weights, weights, 0, 0, 0, 0)
        c00 = i32x4.add(c00, i32x4.dot_i16x8_s(lo, w0))
        c01 = i32x4.add(c01, i32x4.dot_i16x8_s(hi, w0))
        const w1 = i32x4.shuffle(weights, weights, 1, 1, 1, 1)
        c10 = i32x4.add(c10, i32x4.dot_i16x8_s(lo, w1))
        c11 = i32x4.add(c11, i32x4.dot_i16x8_s(hi, w1))
        const w2 = i32x4.shuffle(weights, weights, 2, 2, 2, 2)
        c20 = i32x4.add(c20, i32x4.dot_i16x8_s(lo, w2))
        c21 = i32x4.add(c21, i32x4.dot_i16x8_s(hi, w2))
        const w3 = i32x4.shuffle(weights, weights, 3, 3, 3, 3)
        c30 = i32x4.add(c30, i32x4.dot_i16x8_s(lo, w3))
        c31 = i32x4.add(c31, i32x4.dot_i16x8_s(hi, w3))
        v += 8
      }
      cs += 2
      v128.store(sums, c00)
      v128.store(sums, c01, 16)
      v128.store(sums, c10, 32)
      v128.store(sums, c11, 48)
      v128.store(sums, c20, 64)
      v128.store(sums, c21, 80)
      v128.store(sums, c30, 96)
      v128.store(sums, c31, 112)
      const yn = y + (n << size)
      const un = aux + n * element
      let at = places
      for (let i = 0; i < count; i++) {
        let four = v128.load32_zero(sums + (i << 2))
        four = v128.load32_lane(sums + (i << 2), four, 1, 32)
        four = v128.load32_lane(sums + (i << 2), four, 2, 64)
        four = v128.load32_lane(sums + (i << 2), four, 3, 96)
        finishFour(yn + load<i32>(at), un + load<i32>(at, 4), four, cn, table, CO - n)
        at += 8
      }
      cn += vectors
    }
  }
}
