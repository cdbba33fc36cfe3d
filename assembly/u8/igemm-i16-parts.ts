import { load8 } from './extend'

/**
 * What `u8_igemm_i16_4x8` shares with its copies: the taps of `count` pixels as i16, `row` bytes for each pixel, runs rounded
 * up to even numbers. `across` pixels stand before the first one in its row; the other operands are the same.
 */
export function u8_gather_taps(
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
): void {
  for (; KH > 0; KH--) {
    let s = x
    for (let kw = KW; kw > 0; kw--) {
      for (let k = 0; k < run; k += 8) gather(to + (k << 1), s + k, count, OW - across, OW, step, xskip, row)
      to += ((run + 1) << 1) & ~3
      s += xcol
    }
    x += xrow
  }
}

/** Eight channels' weights [taps][run / 4][8][4] as i16 [taps][run / 2][8][2]: a vector has pairs for each of four channels. */
export function i8_pair_weights(from: usize, to: usize, taps: i32, run: i32): void {
  for (; taps > 0; taps--) {
    for (let left = run; left > 0; left -= 4) {
      const v = v128.load(from)
      const u = v128.load(from, 16)
      const v0 = i16x8.extend_low_i8x16_s(v)
      const v1 = i16x8.extend_high_i8x16_s(v)
      const u0 = i16x8.extend_low_i8x16_s(u)
      const u1 = i16x8.extend_high_i8x16_s(u)
      v128.store(to, i8x16.shuffle(v0, v1, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27))
      v128.store(to, i8x16.shuffle(u0, u1, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27), 16)
      v128.store(to, i8x16.shuffle(v0, v1, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31), 32)
      v128.store(to, i8x16.shuffle(u0, u1, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31), 48)
      to += left > 2 ? 64 : 32
      from += 32
    }
  }
}

/** Eight bytes of each of `count` pixels as i16, `row` bytes apart; the first `left` pixels stand before the end of a row. */
// @ts-ignore: decorator
@inline
function gather(to: usize, from: usize, count: i32, left: i32, OW: i32, step: i32, skip: i32, row: i32): void {
  for (;;) {
    let n = min(left, count)
    count -= n
    do {
      v128.store(to, load8(from))
      from += step
      to += row
    } while (--n)
    if (count == 0) break
    from += skip
    left = OW
  }
}
