import { madd } from '../madd'
import { storeLanes } from './store'
import { Aux, In, Out, Scratch } from '../roles'

// @ts-ignore: decorator
@external('hole', 'epilogue')
declare function epilogue(acc: v128, y: usize, aux: usize, column: i32, p0: v128, p1: v128): v128

// @ts-ignore: decorator
@external('template', 'f32_gather_pixels')
declare function gatherPixels(
  x: usize,
  to: usize,
  count: i32,
  width: i32,
  across: i32,
  OW: i32,
  KH: i32,
  KW: i32,
  run: i32,
  step: i32,
  xskip: i32,
  xrow: i32,
  xcol: i32,
): bool

// @ts-ignore: decorator
@external('template', 'f32_sparse_channel')
declare function sparseChannel(
  x: usize,
  b: usize,
  w: usize,
  deltas: usize,
  y: usize,
  count: i32,
  rows: i32,
  width: i32,
  wide: i32,
  each: i32,
): void

/**
 * Convolution and matrix product by constant weights of which most are zero (Elsen et al., “Fast Sparse ConvNets”, 2020):
 * 8 pixels × blocks of 4 output channels that share their input rows. Activations are as for `f32_igemm_4x8`, one group.
 * What eight pixels read is brought to scratch, where they are vectors.
 *
 * w       [entry][4]: blocks of channels one after the other, of each those rows that have a weight
 * deltas  of each entry, how many rows it stands beyond the one before in its block, from the first row on: u8
 * counts  entries of each block: u16
 * b       bias [CO rounded up to 4]
 * scratch 384 bytes, then KH · KW · run rows of eight floats
 */
export function f32_spmm_8x4(
  x: In,
  w: In,
  deltas: In,
  counts: In,
  b: In,
  y: Out,
  aux: Aux,
  scratch: Scratch,
  OH: i32,
  OW: i32,
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
): void {
  product(
    true, x, w, deltas, counts, b, y, aux, scratch, OH, OW, CO, KH, KW, run, sy, step, xrow, xcol, yrow, ypix,
    auxrow, auxpix, f0, f1,
  )
}

/**
 * The same where each output channel has rows of its own: 16 pixels. w [entry]; counts are of channels, [CO rounded up to 4]; rows in
 * scratch are of sixteen floats.
 */
export function f32_spmm_16x1(
  x: In,
  w: In,
  deltas: In,
  counts: In,
  b: In,
  y: Out,
  aux: Aux,
  scratch: Scratch,
  OH: i32,
  OW: i32,
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
): void {
  product(
    false, x, w, deltas, counts, b, y, aux, scratch, OH, OW, CO, KH, KW, run, sy, step, xrow, xcol, yrow, ypix,
    auxrow, auxpix, f0, f1,
  )
}

/** Either; `blocks` is a constant. */
// @ts-ignore: decorator
@inline
function product(
  blocks: bool,
  x: usize,
  w: usize,
  deltas: usize,
  counts: usize,
  b: usize,
  y: usize,
  aux: usize,
  scratch: usize,
  OH: i32,
  OW: i32,
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
): void {
  const p0 = f32x4.splat(f0)
  const p1 = f32x4.splat(f1)
  const together = blocks ? 8 : 16
  const shift = blocks ? 5 : 6
  const width = together << 2
  const pixels = OH * OW
  const xskip = sy - OW * step
  // Where each pixel's results and second operands stand; sums of four channels; what the pixels read.
  const places = scratch
  const sums = scratch + 128
  const rows = scratch + 384
  let down = 0
  let across = 0
  for (let left = pixels; left > 0; left -= together) {
    const finite = gatherPixels(
      x + down * sy + across * step, rows, left, width, across, OW, KH, KW, run, step, xskip, xrow, xcol,
    )
    const count = min(left, together)
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
    let c = counts
    for (let n = 0; n < CO; n += 4) {
      const column = n << 2
      const bn = b + column
      if (!finite) {
        if (blocks) {
          const entries = <i32>load<u16>(c)
          for (let j = 0; j < 16; j += 4)
            sparseChannel(rows, bn + j, v + j, d, sums + j * together, entries, KH * KW * run, width, width, 16)
          v += entries << 4
          d += entries
          c += 2
        } else {
          for (let j = 0; j < 16; j += 4) {
            const entries = <i32>load<u16>(c)
            sparseChannel(rows, bn + j, v, d, sums + j * together, entries, KH * KW * run, width, width, 4)
            v += entries << 2
            d += entries
            c += 2
          }
        }
      } else if (blocks) {
        let p = rows
        let c00 = v128.load32_splat(bn)
        let c10 = v128.load32_splat(bn, 4)
        let c20 = v128.load32_splat(bn, 8)
        let c30 = v128.load32_splat(bn, 12)
        let c01 = c00
        let c11 = c10
        let c21 = c20
        let c31 = c30
        const end = d + <i32>load<u16>(c)
        for (; d < end; d++) {
          p += <i32>load<u8>(d) << shift
          const x0 = v128.load(p)
          const x1 = v128.load(p, 16)
          const w0 = v128.load32_splat(v)
          c00 = madd(x0, w0, c00)
          c01 = madd(x1, w0, c01)
          const w1 = v128.load32_splat(v, 4)
          c10 = madd(x0, w1, c10)
          c11 = madd(x1, w1, c11)
          const w2 = v128.load32_splat(v, 8)
          c20 = madd(x0, w2, c20)
          c21 = madd(x1, w2, c21)
          const w3 = v128.load32_splat(v, 12)
          c30 = madd(x0, w3, c30)
          c31 = madd(x1, w3, c31)
          v += 16
        }
        v128.store(sums, c00)
        v128.store(sums, c01, 16)
        v128.store(sums, c10, 32)
        v128.store(sums, c11, 48)
        v128.store(sums, c20, 64)
        v128.store(sums, c21, 80)
        v128.store(sums, c30, 96)
        v128.store(sums, c31, 112)
        c += 2
      } else {
        for (let j = 0; j < 256; j += 64) {
          let p = rows
          let c0 = v128.load32_splat(bn + (j >> 4))
          let c1 = c0
          let c2 = c0
          let c3 = c0
          const end = d + <i32>load<u16>(c)
          for (; d < end; d++) {
            p += <i32>load<u8>(d) << shift
            const w0 = v128.load32_splat(v)
            c0 = madd(v128.load(p), w0, c0)
            c1 = madd(v128.load(p, 16), w0, c1)
            c2 = madd(v128.load(p, 32), w0, c2)
            c3 = madd(v128.load(p, 48), w0, c3)
            v += 4
          }
          v128.store(sums + j, c0)
          v128.store(sums + j, c1, 16)
          v128.store(sums + j, c2, 32)
          v128.store(sums + j, c3, 48)
          c += 2
        }
      }
      // Four channels of four pixels at a time, channels last.
      const channels = CO - n
      const yn = y + column
      const un = aux + column
      let t = sums
      let at = places
      for (let rest = count; rest > 0; rest -= 4) {
        const v0 = v128.load(t)
        const v1 = v128.load(t + width)
        const v2 = v128.load(t + 2 * width)
        const v3 = v128.load(t + 3 * width)
        const l0 = i32x4.shuffle(v0, v1, 0, 4, 1, 5)
        const l1 = i32x4.shuffle(v2, v3, 0, 4, 1, 5)
        finish(yn, un, at, column, i32x4.shuffle(l0, l1, 0, 1, 4, 5), channels, p0, p1)
        if (rest > 1) finish(yn, un, at + 8, column, i32x4.shuffle(l0, l1, 2, 3, 6, 7), channels, p0, p1)
        const h0 = i32x4.shuffle(v0, v1, 2, 6, 3, 7)
        const h1 = i32x4.shuffle(v2, v3, 2, 6, 3, 7)
        if (rest > 2) finish(yn, un, at + 16, column, i32x4.shuffle(h0, h1, 0, 1, 4, 5), channels, p0, p1)
        if (rest > 3) finish(yn, un, at + 24, column, i32x4.shuffle(h0, h1, 2, 3, 6, 7), channels, p0, p1)
        t += 16
        at += 32
      }
    }
  }
}

/** Stores four channels of a pixel, whose place stands at `at`. */
// @ts-ignore: decorator
@inline
function finish(y: usize, aux: usize, at: usize, column: i32, sums: v128, channels: i32, p0: v128, p1: v128): void {
  const o = y + load<i32>(at)
  storeLanes(o, epilogue(sums, o, aux + load<i32>(at, 4), column, p0, p1), channels)
}
