/**
 * Zeroes what surrounds the interior of a bordered activation buffer: `first` bytes at p, then behind each of `rows`
 * interior rows of `row` bytes a gap of `gap` bytes (the right border and the next row's left one), the last of them
 * followed by `tail` bytes more.
 */
export function zero_border(p: usize, first: i32, row: i32, gap: i32, rows: i32, tail: i32): void {
  memory.fill(p, 0, first)
  p += first
  for (; rows > 1; rows--) {
    p += row
    memory.fill(p, 0, gap)
    p += gap
  }
  memory.fill(p + row, 0, gap + tail)
}
