/** Weights of four rows for each of four channels as i16: those of the upper two rows, then those of the lower two. */
// @ts-ignore: decorator
@inline
export function expandRows(to: usize, from: usize, count: i32): void {
  const end = from + count
  do {
    const v = v128.load(from)
    const low = i16x8.extend_low_i8x16_s(v)
    const high = i16x8.extend_high_i8x16_s(v)
    v128.store(to, i8x16.shuffle(low, high, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27))
    v128.store(to, i8x16.shuffle(low, high, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31), 16)
    to += 32
    from += 16
  } while (from < end)
}
