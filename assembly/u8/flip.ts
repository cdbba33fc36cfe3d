import { InOut } from '../roles'

/** Flips the bits of `mask`, alike in all bytes, in `count` bytes from p on. */
export function u8_flip(p: InOut, count: i32, mask: i32): void {
  const masks = i32x4.splat(mask)
  const end = p + count
  while (p + 16 <= end) {
    v128.store(p, v128.xor(v128.load(p), masks))
    p += 16
  }
  while (p < end) {
    store<u8>(p, load<u8>(p) ^ (mask as u8))
    p++
  }
}
