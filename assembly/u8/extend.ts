/** Whether x is i8 rather than u8: a constant of the site. */
// @ts-ignore: decorator
@external('hole', 'signed_input')
declare function signedInput(): bool

/** The first eight bytes of x as i16. */
// @ts-ignore: decorator
@inline
export function extend(x: v128): v128 {
  return signedInput() ? i16x8.extend_low_i8x16_s(x) : i16x8.extend_low_i8x16_u(x)
}

/** The last eight. */
// @ts-ignore: decorator
@inline
export function extendHigh(x: v128): v128 {
  return signedInput() ? i16x8.extend_high_i8x16_s(x) : i16x8.extend_high_i8x16_u(x)
}

/** Eight bytes of x from memory as i16. */
// @ts-ignore: decorator
@inline
export function load8(from: usize): v128 {
  return signedInput() ? v128.load8x8_s(from) : v128.load8x8_u(from)
}
