import { clamp, step } from '../lanes'

// Sine and cosine share this: the argument less a multiple of pi/2, in f64, and polynomials of what is left, in f32.

/**
 * sin(x + quarters·pi/2) of four f32, at most 2 ulp off for |x| <= 2^24. Beyond, the absolute error is about
 * |x|·2^-53 and the result stays in -1..1. Own minimax fits, errors 2^-28 and 2^-33.
 */
// @ts-ignore: decorator
@inline
export function shiftedSin(x: v128, quarters: i32): v128 {
  const low = f64x2.promote_low_f32x4(x)
  const high = f64x2.promote_low_f32x4(v128.shuffle<u64>(x, x, 1, 0))
  const lowTurns = quarterTurns(low)
  const highTurns = quarterTurns(high)
  const lowRest = f32x4.demote_f64x2_zero(rest(low, lowTurns))
  const highRest = f32x4.demote_f64x2_zero(rest(high, highTurns))
  // Only arguments that no reduction can serve leave this range.
  const r = clamp(v128.shuffle<u64>(lowRest, highRest, 0, 2), -0.79, 0.79)
  const z = f32x4.mul(r, r)
  let s = step(f32x4.splat(-0.0001951809535967186), z, 0.008332188241183758)
  s = step(s, z, -0.16666655242443085)
  s = f32x4.mul(r, step(s, z, 1))
  let c = step(f32x4.splat(2.4432327336398885e-5), z, -0.0013887309469282627)
  c = step(c, z, 0.04166664555668831)
  c = step(c, z, -0.5)
  c = step(c, z, 1)
  const turns = v128.shuffle<u32>(lowTurns, highTurns, 0, 2, 4, 6)
  const n = quarters == 0 ? turns : i32x4.add(turns, i32x4.splat(quarters))
  const result = v128.bitselect(c, s, i32x4.shr_s(i32x4.shl(n, 31), 31))
  // Bit 1 of the quarter turns is the sign.
  return v128.xor(result, i32x4.shl(i32x4.shr_u(n, 1), 31))
}

/** 1.5·2^52: adding it rounds to an integer and leaves that in the low bits. */
// @ts-ignore: decorator
@inline
function magic(): v128 {
  return f64x2.splat(6755399441055744)
}

// @ts-ignore: decorator
@inline
function quarterTurns(x: v128): v128 {
  return f64x2.add(f64x2.mul(x, f64x2.splat(0.6366197723675814)), magic())
}

/** x less n times pi/2, whose first part has 29 bits: its product with n is exact up to |x| = 2^24. */
// @ts-ignore: decorator
@inline
function rest(x: v128, turns: v128): v128 {
  const n = f64x2.sub(turns, magic())
  const high = f64x2.sub(x, f64x2.mul(n, f64x2.splat(1.570796325802803)))
  return f64x2.sub(high, f64x2.mul(n, f64x2.splat(9.920935796805404e-10)))
}
