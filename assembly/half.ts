import { In, Out } from './roles'

/** f32 of IEEE 754 binary16 bits. */
export function f16_to_f32(bits: i32): f32 {
  const magnitude = bits & 0x7fff
  // Scaling by 2^112 moves the exponent's bias and makes subnormals normal; infinity and NaN keep the top exponent.
  const scaled = reinterpret<f32>(magnitude << 13) * reinterpret<f32>(0x77800000)
  const value = magnitude >= 0x7c00 ? (magnitude << 13) | 0x7f800000 : reinterpret<i32>(scaled)
  return reinterpret<f32>(value | ((bits & 0x8000) << 16))
}

/** Bits of the binary16 nearest to x, ties to even. NaN gives a quiet NaN, overflow infinity. */
export function f32_to_f16(x: f32): i32 {
  const bits = reinterpret<i32>(x)
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x47800000) return sign | 0x7c00
  // Below 2^-14 adding 0.5 lets the addition itself round to multiples of 2^-24.
  if (magnitude < 0x38800000) return sign | (reinterpret<i32>(reinterpret<f32>(magnitude) + 0.5) - 0x3f000000)
  return sign | ((magnitude + 0xfff + ((magnitude >>> 13) & 1) - 0x38000000) >>> 13)
}

/** Bits of the bfloat16 nearest to x, ties to even. NaN stays a quiet NaN. */
export function f32_to_bf16(x: f32): i32 {
  const bits = reinterpret<u32>(x)
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16
}

/** f32 of four binary16, whose bits are in the lower halves of the lanes. */
export function f32x4_from_f16(bits: v128): v128 {
  const magnitude = v128.and(bits, i32x4.splat(0x7fff))
  const shifted = i32x4.shl(magnitude, 13)
  const moved = i32x4.splat(0x38000000)
  // Behind the exponent of 2^-14 a subnormal's fraction is in units of 2^-24; subnormal operands would cost some hundred cycles.
  const least = i32x4.splat(0x38800000)
  const subnormal = f32x4.sub(i32x4.add(shifted, least), least)
  const isBeyond = i32x4.gt_s(magnitude, i32x4.splat(0x7bff))
  const normal = i32x4.add(i32x4.add(shifted, moved), v128.and(isBeyond, moved))
  const value = v128.bitselect(subnormal, normal, i32x4.lt_s(magnitude, i32x4.splat(0x400)))
  return v128.or(value, i32x4.shl(v128.and(bits, i32x4.splat(0x8000)), 16))
}

/** Bits of the binary16 nearest to each of four f32, as `f32_to_f16` has them. */
export function f32x4_to_f16(x: v128): v128 {
  const magnitude = v128.and(x, i32x4.splat(0x7fffffff))
  const odd = i32x4.shr_u(i32x4.shl(x, 18), 31)
  const normal = i32x4.shr_u(i32x4.add(i32x4.add(magnitude, odd), i32x4.splat(0xfff - 0x38000000)), 13)
  const bounded = i32x4.min_s(normal, i32x4.splat(0x7c00))
  const half = i32x4.splat(0x3f000000)
  const subnormal = i32x4.sub(f32x4.add(magnitude, half), half)
  const number = v128.bitselect(subnormal, bounded, i32x4.lt_s(magnitude, i32x4.splat(0x38800000)))
  // NaN is bounded to infinity, but for this bit.
  const quiet = v128.and(f32x4.ne(x, x), i32x4.splat(0x200))
  return v128.or(v128.or(number, quiet), i32x4.shr_u(v128.xor(x, magnitude), 16))
}

/** Bits of the bfloat16 nearest to each of four f32, as `f32_to_bf16` has them. */
export function f32x4_to_bf16(x: v128): v128 {
  const upper = i32x4.shr_u(x, 16)
  const rounded = i32x4.add(i32x4.add(x, i32x4.splat(0x7fff)), v128.and(upper, i32x4.splat(1)))
  const isNaN = i32x4.gt_s(v128.and(x, i32x4.splat(0x7fffffff)), i32x4.splat(0x7f800000))
  return v128.bitselect(v128.or(upper, i32x4.splat(0x40)), i32x4.shr_u(rounded, 16), isNaN)
}

/**
 * `count` finite binary16 as f32; `count` is a multiple of four. Each four are read before theirs are written, so that they may stand in
 * the upper half of the memory that is written. It runs once, before engines have optimised it: four operations, which are slow for the
 * few subnormals that weights have.
 */
export function f32_from_f16(from: In, to: Out, count: i32): void {
  for (const end = to + (count << 2); to < end; to += 16) {
    // The sign in its place, and exponents that the factor moves to theirs.
    const shifted = v128.and(i32x4.shl(v128.load16x4_s(from), 13), i32x4.splat(0x8fffe000))
    v128.store(to, f32x4.mul(shifted, i32x4.splat(0x77800000)))
    from += 8
  }
}

/** The same of bfloat16. */
export function f32_from_bf16(from: In, to: Out, count: i32): void {
  for (const end = to + (count << 2); to < end; to += 16) {
    v128.store(to, i32x4.shl(v128.load16x4_u(from), 16))
    from += 8
  }
}
