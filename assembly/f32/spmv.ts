import { madd } from '../madd'
import { storeLanes } from './store'
import { Aux, In, Out, Scratch } from '../roles'

// @ts-ignore: decorator
@external('hole', 'epilogue')
declare function epilogue(acc: v128, y: usize, aux: usize, column: i32, p0: v128, p1: v128): v128

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
 * Few rows of a matrix product by sparse weights, packed as for `f32_spmm_8x4`, without a copy of what they read.
 * Strides are in bytes. x [M][K], b [N rounded up to 4], y and aux [M][N]; scratch 32 bytes.
 */
export function f32_spmv_1x4(
  x: In,
  w: In,
  deltas: In,
  counts: In,
  b: In,
  y: Out,
  aux: Aux,
  scratch: Scratch,
  M: i32,
  K: i32,
  N: i32,
  xrow: i32,
  yrow: i32,
  auxrow: i32,
  f0: f32,
  f1: f32,
): void {
  product(true, x, w, deltas, counts, b, y, aux, scratch, M, K, N, xrow, yrow, auxrow, f0, f1)
}

/** The same by weights packed as for `f32_spmm_16x1`. */
export function f32_spmv_1x1(
  x: In,
  w: In,
  deltas: In,
  counts: In,
  b: In,
  y: Out,
  aux: Aux,
  scratch: Scratch,
  M: i32,
  K: i32,
  N: i32,
  xrow: i32,
  yrow: i32,
  auxrow: i32,
  f0: f32,
  f1: f32,
): void {
  product(false, x, w, deltas, counts, b, y, aux, scratch, M, K, N, xrow, yrow, auxrow, f0, f1)
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
  M: i32,
  K: i32,
  N: i32,
  xrow: i32,
  yrow: i32,
  auxrow: i32,
  f0: f32,
  f1: f32,
): void {
  const p0 = f32x4.splat(f0)
  const p1 = f32x4.splat(f1)
  for (; M > 0; M--) {
    const finite = isFinite(x, K)
    let v = w
    let d = deltas
    let c = counts
    for (let n = 0; n < N; n += 4) {
      const column = n << 2
      const bn = b + column
      if (!finite) {
        const entries = blocks ? <i32>load<u16>(c) : 0
        for (let j = 0; j < 16; j += 4) {
          if (blocks) sparseChannel(x, bn + j, v + j, d, scratch + j, entries, K, 4, 16, 16)
          else {
            const own = <i32>load<u16>(c)
            sparseChannel(x, bn + j, v, d, scratch + j, own, K, 4, 16, 4)
            v += own << 2
            d += own
            c += 2
          }
        }
        if (blocks) {
          v += entries << 4
          d += entries
          c += 2
        }
      } else if (blocks) {
        let p = x
        let c0 = v128.load(bn)
        // Two sums, so that one addition need not wait for the other.
        let c1 = f32x4.splat(0)
        const entries = <i32>load<u16>(c)
        const end = d + entries
        const even = d + (entries & ~1)
        for (; d < even; d += 2) {
          p += <i32>load<u8>(d) << 2
          c0 = madd(v128.load32_splat(p), v128.load(v), c0)
          p += <i32>load<u8>(d, 1) << 2
          c1 = madd(v128.load32_splat(p), v128.load(v, 16), c1)
          v += 32
        }
        if (d < end) {
          p += <i32>load<u8>(d++) << 2
          c0 = madd(v128.load32_splat(p), v128.load(v), c0)
          v += 16
        }
        v128.store(scratch, f32x4.add(c0, c1))
        c += 2
      } else {
        for (let j = 0; j < 16; j += 4) {
          let p = x
          let c0 = load<f32>(bn + j)
          let c1: f32 = 0
          const entries = <i32>load<u16>(c)
          const end = d + entries
          const even = d + (entries & ~1)
          for (; d < even; d += 2) {
            p += <i32>load<u8>(d) << 2
            c0 += load<f32>(p) * load<f32>(v)
            p += <i32>load<u8>(d, 1) << 2
            c1 += load<f32>(p) * load<f32>(v, 4)
            v += 8
          }
          if (d < end) {
            p += <i32>load<u8>(d++) << 2
            c0 += load<f32>(p) * load<f32>(v)
            v += 4
          }
          store<f32>(scratch + j, c0 + c1)
          c += 2
        }
      }
      const o = y + column
      const u = aux + column
      storeLanes(o, epilogue(v128.load(scratch), o, u, column, p0, p1), N - n)
    }
    x += xrow
    y += yrow
    aux += auxrow
  }
}

/** Whether `count` floats are finite. */
// @ts-ignore: decorator
@inline
function isFinite(x: usize, count: i32): bool {
  let largest = i32x4.splat(0)
  for (; count >= 4; count -= 4) {
    largest = i32x4.max_u(largest, i32x4.shl(v128.load(x), 1))
    x += 16
  }
  for (; count > 0; count--) {
    largest = i32x4.max_u(largest, i32x4.shl(v128.load32_zero(x), 1))
    x += 4
  }
  return !v128.any_true(i32x4.ge_u(largest, i32x4.splat(0xff000000)))
}
