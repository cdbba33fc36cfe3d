import { Scratch } from '../roles'

/**
 * What `i32x4.relaxed_dot_i8x16_i7x16_add_s` makes of a second operand beyond 127: 0 takes it as unsigned, 0x80808080 as
 * signed, 1 is inexact (x86 without VNNI saturates sums of two products). The operands go through the 32 bytes at `p`, so
 * that no compiler works the answer out by other means than the instruction.
 */
export function i8_dot_probe(p: Scratch): i32 {
  v128.store(p, i8x16.splat(-1))
  v128.store(p, i32x4(0x7f7f7f7f, 0x80808080, 0x7f7f7f7f, 0x80808080), 16)
  const v = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(p, 16), v128.load(p), i32x4.splat(0))
  const high = i32x4.extract_lane(v, 0)
  const low = i32x4.extract_lane(v, 1)
  if (high == 4 * 127 * 255 && low == 4 * -128 * 255) return 0
  return high == 4 * 127 * -1 && low == 4 * -128 * -1 ? 0x80808080 : 1
}
