import { storeLanes } from '../f32/store'
import { ragged } from '../ragged'

// @ts-ignore: decorator
@external('hole', 'requantize')
declare function requantize(acc: v128, channels: usize, aux: usize, table: usize): v128

/** Whether results are 32-bit lanes rather than bytes: a constant of the site. */
// @ts-ignore: decorator
@external('hole', 'wide')
export declare function wide(): bool

/** Whether bytes are i8 rather than u8: a constant of the site. */
// @ts-ignore: decorator
@external('hole', 'signed')
declare function signed(): bool

/**
 * Finishes the sums of eight channels and stores the first `count` of the results: as bytes, or as
 * 32-bit lanes if `wide`.
 * `channels` leads to the vectors that the hole reads for the first four channels, and `vectors` bytes on to those of the
 * next four; `element` is the size of what stands at `aux`; `table` holds the site's constants.
 */
// @ts-ignore: decorator
@inline
export function finish(
  y: usize,
  aux: usize,
  element: i32,
  c0: v128,
  c1: v128,
  channels: usize,
  vectors: i32,
  table: usize,
  count: i32,
): void {
  const r0 = requantize(c0, channels, aux, table)
  const r1 = requantize(c1, channels + vectors, aux + (element << 2), table)
  if (wide()) {
    if (ragged()) {
      if (count <= 4) {
        storeLanes(y, r0, count)
        return
      }
    }
    v128.store(y, r0)
    storeLanes(y + 16, r1, count - 4)
    return
  }
  const h = i16x8.narrow_i32x4_s(r0, r1)
  const v = signed() ? i8x16.narrow_i16x8_s(h, h) : i8x16.narrow_i16x8_u(h, h)
  if (!ragged()) {
    v128.store64_lane(y, v, 0)
    return
  }
  if (count >= 8) {
    v128.store64_lane(y, v, 0)
    return
  }
  storeBytes(y, v, count)
}

/** The same for the sums of four channels. */
// @ts-ignore: decorator
@inline
export function finishFour(y: usize, aux: usize, sums: v128, channels: usize, table: usize, count: i32): void {
  const r = requantize(sums, channels, aux, table)
  if (wide()) {
    storeLanes(y, r, count)
    return
  }
  const h = i16x8.narrow_i32x4_s(r, r)
  const v = signed() ? i8x16.narrow_i16x8_s(h, h) : i8x16.narrow_i16x8_u(h, h)
  if (!ragged()) {
    v128.store32_lane(y, v, 0)
    return
  }
  if (count >= 4) {
    v128.store32_lane(y, v, 0)
    return
  }
  storeBytes(y, v, count)
}

/** Stores the first `count` (1 to 7) bytes. */
// @ts-ignore: decorator
@inline
function storeBytes(y: usize, v: v128, count: i32): void {
  let bytes = i64x2.extract_lane(v, 0)
  do {
    store<u8>(y++, bytes as u8)
    bytes >>= 8
  } while (--count)
}
