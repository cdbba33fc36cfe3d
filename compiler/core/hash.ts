/**
 * 64 bits in hexadecimal that tell contents apart, not against an adversary: MurmurHash3_x86_32 (Austin Appleby, public
 * domain) of the chunks one after another, with two seeds.
 */
export const hash = (chunks: readonly Uint8Array[]): string =>
  [0, 0x9e3779b9].map((seed) => chunks.reduce(murmur3, seed).toString(16).padStart(8, '0')).join('')

/** The hash of `bytes` as an unsigned integer. */
function murmur3(seed: number, bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const tail = bytes.length & ~3
  let h = seed
  for (let i = 0; i < tail; i += 4) {
    h ^= scramble(view.getUint32(i, true))
    h = Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64
  }
  let rest = 0
  for (let i = bytes.length; i-- > tail;) rest = (rest << 8) | bytes[i]!
  h ^= scramble(rest) ^ bytes.length
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

function scramble(word: number): number {
  const k = Math.imul(word, 0xcc9e2d51)
  return Math.imul((k << 15) | (k >>> 17), 0x1b873593)
}
