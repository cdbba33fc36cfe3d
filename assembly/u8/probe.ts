import { Scratch } from '../roles'

/**
 * What `i32x4.relaxed_dot_i8x16_i7x16_add_s` makes of a second operand beyond 127, for weights from `least`, -128 or -127, to 127:
 * 0 takes it as unsigned, 0x80808080 as signed, 1 is inexact. x86 without VNNI saturates sums of two products. Arm without its
 * dot product wraps them, which two products of -128 and -128 exceed alone. The operands go through the 32 bytes at `p`, so that no compiler works the
 * answer out by other means than the instruction.
 */
export function i8_dot_probe(p: Scratch, least: i32): i32 {
  v128.store(p, i32x4(-1, -1, 0x80808080, 0x80808080))
  const low = i8x16.splat(least as i8)
  v128.store(p, i8x16.shuffle(i8x16.splat(127), low, 0, 1, 2, 3, 20, 21, 22, 23, 8, 9, 10, 11, 28, 29, 30, 31), 16)
  const v = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(p, 16), v128.load(p), i32x4.splat(0))
  const weights = i32x4.mul(i32x4(4, 4, 4, 4), i32x4(127, least, 127, least))
  if (i32x4.all_true(i32x4.eq(v, i32x4.mul(weights, i32x4(255, 255, 128, 128))))) return 0
  return i32x4.all_true(i32x4.eq(v, i32x4.mul(weights, i32x4(-1, -1, -128, -128)))) ? 0x80808080 : 1
}
