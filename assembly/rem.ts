/** Remainder of x / y with the sign of x, exact (C99 fmod). */
export function f64_rem(x: f64, y: f64): f64 {
  return x % y
}
