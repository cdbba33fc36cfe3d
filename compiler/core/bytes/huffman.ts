/**
 * Canonical Huffman codes of bytes: shorter ones come first, those of one length in the order of the bytes, so that the lengths tell the
 * codes (RFC 1951, 3.2.2).
 */

/** Bits of the longest code. */
export const longestCode = 12
const symbols = 256

export function countBytes(data: Uint8Array): Float64Array {
  const counts = new Float64Array(symbols)
  for (const byte of data) counts[byte] = counts[byte]! + 1
  return counts
}

/**
 * How many bits the code of each byte has that takes the fewest for so many bytes of each, by package-merge (Larmore and Hirschberg,
 * 1990); 0 for bytes that there are none of.
 */
export function codeLengths(counts: Float64Array): Uint8Array {
  const lengths = new Uint8Array(symbols)
  const bytes = Array.from(counts.keys()).filter((byte) => counts[byte]! > 0)
  bytes.sort((a, b) => counts[a]! - counts[b]! || a - b)
  if (bytes.length === 1) lengths[bytes[0]!] = 1
  if (bytes.length < 2) return lengths
  /** Of each level, whether what stands there in the order of weight is a package of two of the level before. */
  const levels: boolean[][] = []
  let packages: number[] = []
  for (let level = 0; level < longestCode; level++) {
    const [weights, isPackage]: [number[], boolean[]] = [[], []]
    for (let [leaf, next] = [0, 0]; leaf < bytes.length || next < packages.length;) {
      const own = leaf < bytes.length ? counts[bytes[leaf]!]! : Infinity
      const takes = next < packages.length && packages[next]! < own
      weights.push(takes ? packages[next++]! : own)
      isPackage.push(takes)
      if (!takes) leaf++
    }
    levels.push(isPackage)
    packages = Array.from({ length: weights.length >> 1 }, (_, i) => weights[2 * i]! + weights[2 * i + 1]!)
  }
  let taken = 2 * bytes.length - 2
  for (const isPackage of levels.reverse()) {
    const count = isPackage.slice(0, taken).filter((is) => is).length
    for (const byte of bytes.slice(0, taken - count)) lengths[byte] = lengths[byte]! + 1
    taken = 2 * count
  }
  return lengths
}

/** Bits of the codes of so many bytes of each. */
export const codedBits = (counts: Float64Array, lengths: Uint8Array): number =>
  counts.reduce((sum, count, byte) => sum + count * lengths[byte]!, 0)

function codesOf(lengths: Uint8Array): Uint16Array {
  const codes = new Uint16Array(symbols)
  let next = 0
  for (let length = 1; length <= longestCode; length++, next *= 2)
    lengths.forEach((own, byte) => {
      if (own === length) codes[byte] = next++
    })
  return codes
}

/** The codes of the bytes, of which the last comes first: in the highest bits of the last byte of the result. */
export function encodeBackwards(data: Uint8Array, lengths: Uint8Array): Uint8Array {
  const codes = codesOf(lengths)
  const bits = data.reduce((sum, byte) => sum + lengths[byte]!, 0)
  const result = new Uint8Array(Math.ceil(bits / 8))
  let at = result.length
  let [held, count] = [0, 0]
  for (let i = data.length - 1; i >= 0; i--) {
    const byte = data[i]!
    held = (held << lengths[byte]!) | codes[byte]!
    count += lengths[byte]!
    for (; count >= 8; count -= 8) result[--at] = held >>> (count - 8)
    held &= (1 << count) - 1
  }
  if (count > 0) result[--at] = held << (8 - count)
  return result
}
