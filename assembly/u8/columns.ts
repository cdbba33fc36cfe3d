/** Bytes of four rows for each of eight channels: [channel][row] of the first four, and of the others. */
// @ts-ignore: decorator
@inline
export function firstFour(a: v128, b: v128, c: v128, d: v128): v128 {
  return interleavePairs(interleave(a, b), interleave(c, d))
}

// @ts-ignore: decorator
@inline
export function lastFour(a: v128, b: v128, c: v128, d: v128): v128 {
  const low = interleave(a, b)
  const high = interleave(c, d)
  return i8x16.shuffle(low, high, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31)
}

/** The first eight bytes of both, in turns. */
// @ts-ignore: decorator
@inline
export function interleave(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
}

// @ts-ignore: decorator
@inline
function interleavePairs(low: v128, high: v128): v128 {
  return i8x16.shuffle(low, high, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23)
}
