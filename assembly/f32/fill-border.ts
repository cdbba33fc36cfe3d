import { Out } from '../roles'

/** `fill_border` with floats: all lengths are in bytes, multiples of 4. */
export function f32_fill_border(p: Out, value: f32, first: i32, row: i32, gap: i32, rows: i32, tail: i32): void {
  const floats = f32x4.splat(value)
  let size = first
  for (; rows >= 0; rows--) {
    const end = p + size
    for (; p + 16 <= end; p += 16) v128.store(p, floats)
    for (; p < end; p += 4) f32.store(p, value)
    p += row
    size = rows > 1 ? gap : gap + tail
  }
}
