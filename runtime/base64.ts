/**
 * Bytes of base64 (RFC 4648, section 4, without padding), for scripts that carry their module. Worklets have no `atob`, which with a
 * conversion takes several times as long.
 */
export function decode(digits: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array((digits.length * 3) >> 2)
  for (let i = 0, at = 0, bits = 0; i < digits.length; i++) {
    const c = digits.charCodeAt(i)
    bits = (bits << 6) | (c > 96 ? c - 71 : c > 64 ? c - 65 : c > 47 ? c + 4 : c > 43 ? 63 : 62)
    if (i & 3) bytes[at++] = bits >> (6 - 2 * (i & 3))
  }
  return bytes
}
