import { ragged } from '../../ragged'

/** Whether one of the first `count` lanes, of four at most, is no finite number. What stands in others is anything. */
// @ts-ignore: decorator
@inline
export function overflows(v: v128, count: i32): bool {
  // 0 where it is finite, else NaN.
  const difference = f32x4.sub(v, v)
  if (!ragged()) return v128.any_true(difference)
  const lanes = i32x4.bitmask(f32x4.ne(difference, difference))
  return (lanes & (15 >> max(4 - count, 0))) != 0
}
