import { load8 } from './extend'
import { In, Out } from '../roles'

/**
 * The taps of `count` pixels as i16 for `u8_igemm_i16_4x8`, whose arguments these are: `row` bytes for each pixel, runs rounded
 * up to even numbers. `across` pixels stand before the first one in its row.
 */
export function u8_gather_taps(
  x: In,
  to: Out,
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
