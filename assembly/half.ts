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
