import { Out } from './roles'

/**
 * Fills with bytes of `value` what surrounds the interior of a bordered activation buffer: `first` bytes at p, then behind each of `rows`
 * interior rows of `row` bytes a gap of `gap` bytes (the right border and the next row's left one), the last of them
 * followed by `tail` bytes more.
 */
export function fill_border(p: Out, value: u8, first: i32, row: i32, gap: i32, rows: i32, tail: i32): void {
  memory.fill(p, value, first)
  p += first
  for (; rows > 1; rows--) {
    p += row
    memory.fill(p, value, gap)
    p += gap
  }
  memory.fill(p + row, value, gap + tail)
}
