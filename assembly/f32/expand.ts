import { In, Out } from '../roles'

/** Whether weights are integers of 4 bits rather than bytes: a constant of the site. */
// @ts-ignore: decorator
@external('hole', 'packed')
export declare function packed(): bool

/** Bytes that hold `rows` rows of eight integers. */
// @ts-ignore: decorator
@inline
export function expandedFrom(rows: i32): i32 {
  return packed() ? ((rows + 1) >> 1) << 3 : rows << 3
}

/** `rows` rows of eight integers as floats, the first four times s0 and the others times s1; packed ones in whole pairs of rows. */
// @ts-ignore: decorator
@inline
export function expand(to: usize, from: usize, rows: i32, s0: v128, s1: v128): void {
  const end = to + (rows << 5)
  do {
    if (packed()) {
      const v = v128.load64_zero(from)
      expandRow(to, lowHalves(v), s0, s1)
      to += 32
      expandRow(to, highHalves(v), s0, s1)
    } else {
      expandRow(to, v128.load8x8_s(from), s0, s1)
    }
    to += 32
    from += 8
  } while (to < end)
}

// @ts-ignore: decorator
@inline
function expandRow(to: usize, v: v128, s0: v128, s1: v128): void {
  v128.store(to, f32x4.mul(lowFloats(v), s0))
  v128.store(to, f32x4.mul(highFloats(v), s1), 16)
}

/** The first four of eight i16 as floats. */
// @ts-ignore: decorator
@inline
function lowFloats(v: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(v))
}

/** The last four. */
// @ts-ignore: decorator
@inline
function highFloats(v: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(v))
}

/** The lower halves of eight bytes, less 8, as i16. */
// @ts-ignore: decorator
@inline
function lowHalves(v: v128): v128 {
  return i16x8.extend_low_i8x16_s(i8x16.sub(v128.and(v, i8x16.splat(15)), i8x16.splat(8)))
}

/** The upper halves. */
// @ts-ignore: decorator
@inline
function highHalves(v: v128): v128 {
  return i16x8.extend_low_i8x16_s(i8x16.sub(v128.and(i16x8.shr_u(v, 4), i8x16.splat(15)), i8x16.splat(8)))
}

/** All of `w`, packed as for `f32_qcw_igemm_4x8`: `blocks` blocks of `rows` rows as floats [block][row][8]. `to` has whole pairs of rows. */
export function f32_qcw_expand(w: In, scales: In, to: Out, blocks: i32, rows: i32): void {
  for (; blocks > 0; blocks--) {
    expand(to, w, rows, v128.load(scales), v128.load(scales, 16))
    w += expandedFrom(rows)
    to += rows << 5
    scales += 32
  }
}
