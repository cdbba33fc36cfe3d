/**
 * 64 bits in hexadecimal that tell contents apart, not against an adversary: MurmurHash3_x86_32 (Austin Appleby, public
 * domain) of the chunks one after another, with two seeds.
 */
export function hash(chunks: readonly Uint8Array[]): string {
  let [a, b] = [0, 0x9e3779b9]
  for (const bytes of chunks) [a, b] = murmur3(a, b, bytes)
  return [a, b].map((h) => (h >>> 0).toString(16).padStart(8, '0')).join('')
}

/** The hashes of `bytes` with two seeds. All numbers are integers of 32 bits, which engines compute without converting. */
function murmur3(first: number, second: number, bytes: Uint8Array): [number, number] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const tail = bytes.length & ~3
  let a = first | 0
  let b = second | 0
  for (let i = 0; i < tail; i += 4) {
    const word = scramble(view.getInt32(i, true))
    a = mix(a ^ word)
    b = mix(b ^ word)
  }
  let rest = 0
  for (let i = bytes.length; i-- > tail;) rest = (rest << 8) | bytes[i]!
  const end = scramble(rest) ^ bytes.length
  return [finish(a ^ end), finish(b ^ end)]
}

function scramble(word: number): number {
  const k = Math.imul(word, 0xcc9e2d51)
  return Math.imul((k << 15) | (k >>> 17), 0x1b873593)
}

const mix = (h: number): number => (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0

function finish(h: number): number {
  const half = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  const whole = Math.imul(half ^ (half >>> 13), 0xc2b2ae35)
  return whole ^ (whole >>> 16)
}
