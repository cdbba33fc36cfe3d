/** A run of zeros shorter than this costs less as data than as the head of another segment. */
const shortestGap = 16

/** Ranges of `bytes` without long runs of zeros: memory is zero where no segment writes. */
export function nonZeroRanges(bytes: Uint8Array): { start: number; end: number }[] {
  const ranges: { start: number; end: number }[] = []
  let start = -1
  let lastNonZero = -1
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] === 0) continue
    if (start >= 0 && i - lastNonZero > shortestGap) {
      ranges.push({ start, end: lastNonZero + 1 })
      start = i
    }
    if (start < 0) start = i
    lastNonZero = i
  }
  if (start >= 0) ranges.push({ start, end: lastNonZero + 1 })
  return ranges
}

/** Bytes of such a head, about. */
const headBytes = 8

/** What `bytes` take in a module, about. */
export const storedBytes = (bytes: Uint8Array): number =>
  nonZeroRanges(bytes).reduce((sum, { start, end }) => sum + end - start + headBytes, 0)
