import { ragged } from '../../ragged'

/** Not 0 where one of the first `count` lanes, of four at most, is no finite number. What stands in others is anything. */
// @ts-ignore: decorator
@inline
export function overflows(v: v128, count: i32): i32 {
  // 0 where it is finite, else NaN.
  return ragged()
    ? i32x4.bitmask(f32x4.ne(f32x4.sub(v, v), f32x4.splat(0))) & (15 >> max(4 - count, 0))
    : i32(v128.any_true(f32x4.sub(v, v)))
}
