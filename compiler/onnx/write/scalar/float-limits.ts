/** The greatest double that is not above an integer's greatest value. */
export const largestExactBelow = (max: bigint): number =>
  Number(max) <= 2 ** 53 ? Number(max) : Number(max - (max >> 53n))
