import { ragged } from '../ragged'

/** Stores the first `count` (1 to 4) lanes of 32 bits. */
// @ts-ignore: decorator
@inline
export function storeLanes(to: usize, v: v128, count: i32): void {
  if (!ragged()) {
    v128.store(to, v)
    return
  }
  if (count >= 4) {
    v128.store(to, v)
    return
  }
  if (count >= 2) {
    v128.store64_lane(to, v, 0)
    if (count == 3) v128.store32_lane(to, v, 2, 8)
    return
  }
  v128.store32_lane(to, v, 0)
}
