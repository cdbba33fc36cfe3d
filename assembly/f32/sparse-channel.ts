import { madd } from '../madd'
import { In, Out } from '../roles'

/**
 * One output channel of a sparse product with all its zeros, for pixels that are not all finite: 0 · ∞ is NaN.
 *
 * x       [rows], `width` bytes apart, of which `wide` are read: the pixels
 * b       the bias, which sums start from
 * w       the weights in the list, `each` bytes apart
 * deltas  of `count` weights: how many rows each stands beyond the one before, u8
 * y       `wide` bytes of sums
 */
export function f32_sparse_channel(
  x: In,
  b: In,
  w: In,
  deltas: In,
  y: Out,
  count: i32,
  rows: i32,
  width: i32,
  wide: i32,
  each: i32,
): void {
  const zero = f32x4.splat(0)
  for (let q = 0; q < wide; q += 16) {
    let acc = v128.load32_splat(b)
    let p = x + q
    let to = p
    let v = w
    for (let i = 0; i < count; i++) {
      to += <i32>load<u8>(deltas + i) * width
      while (p < to) {
        acc = madd(zero, v128.load(p), acc)
        p += width
      }
      acc = madd(v128.load32_splat(v), v128.load(p), acc)
      p += width
      v += each
    }
    const end = x + q + rows * width
    while (p < end) {
      acc = madd(zero, v128.load(p), acc)
      p += width
    }
    v128.store(y + q, acc)
  }
}
