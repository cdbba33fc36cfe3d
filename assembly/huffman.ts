import { In, InOut, Scratch } from './roles'

/** Bits of the longest code. */
const longest = 12

/** The table's entry, of two bytes, for the code that the bits begin with. */
// @ts-ignore: decorator
@inline
function entry(table: usize, bits: u64): i32 {
  return load<u16>(table + (<usize>(bits >>> (63 - longest)) & (((1 << longest) - 1) << 1)))
}

/** The bits, of which `count` are there, filled up from below `end`: by so many whole bytes that `bytesFor` tells. */
// @ts-ignore: decorator
@inline
function filled(bits: u64, count: u64, end: usize): u64 {
  return bits | (load<u64>(end - 8) >>> count)
}

// @ts-ignore: decorator
@inline
function bytesFor(count: u64): usize {
  return <usize>((63 - count) >>> 3)
}

/**
 * Bytes of canonical Huffman codes of up to 12 bits. `lengths` are 256 numbers of 4 bits, the lower half of a byte first. There are two
 * streams, so that one's load need not wait for the other's. They are read from the highest bit of the byte below `end0` and `end1`
 * downwards, and give `count` bytes each, a multiple of 4, the one at the highest address first: from `out` on, and from `lane` bytes
 * behind it on. They may stand in what is written, where no count of bytes at its beginning has codes that take more. Up to 16 bytes
 * below a stream are read. `table` has 8192 bytes. This runs once, before engines have optimised it: few operations and no branch
 * for a byte.
 */
export function bytes_from_huffman(
  lengths: In,
  table: Scratch,
  out: InOut,
  lane: i32,
  count: i32,
  end0: In,
  end1: In,
): void {
  let to = table
  for (let length = 1; length <= longest; ++length) {
    for (let symbol = 0; symbol < 256; ++symbol) {
      if (((load<u8>(lengths + (symbol >> 1)) >> ((symbol & 1) << 2)) & 15) != length) continue
      for (const next = to + (2 << (longest - length)); to < next; to += 2) store<u16>(to, (symbol << 8) | length)
    }
  }
  let bits0: u64 = 0
  let bits1: u64 = 0
  let count0: u64 = 0
  let count1: u64 = 0
  const first = out
  out += count
  while (out > first) {
    out -= 4
    bits0 = filled(bits0, count0, end0)
    bits1 = filled(bits1, count1, end1)
    end0 -= bytesFor(count0)
    end1 -= bytesFor(count1)
    // A shift by an entry is one by its code's length, and the sum of four entries has that of the lengths in its lowest bits.
    let e0 = entry(table, bits0)
    let e1 = entry(table, bits1)
    let used0 = e0
    let used1 = e1
    bits0 <<= e0
    bits1 <<= e1
    store<u8>(out, e0 >>> 8, 3)
    store<u8>(out + lane, e1 >>> 8, 3)
    e0 = entry(table, bits0)
    e1 = entry(table, bits1)
    used0 += e0
    used1 += e1
    bits0 <<= e0
    bits1 <<= e1
    store<u8>(out, e0 >>> 8, 2)
    store<u8>(out + lane, e1 >>> 8, 2)
    e0 = entry(table, bits0)
    e1 = entry(table, bits1)
    used0 += e0
    used1 += e1
    bits0 <<= e0
    bits1 <<= e1
    store<u8>(out, e0 >>> 8, 1)
    store<u8>(out + lane, e1 >>> 8, 1)
    e0 = entry(table, bits0)
    e1 = entry(table, bits1)
    bits0 <<= e0
    bits1 <<= e1
    store<u8>(out, e0 >>> 8)
    store<u8>(out + lane, e1 >>> 8)
    count0 = (count0 | 56) - ((used0 + e0) & 63)
    count1 = (count1 | 56) - ((used1 + e1) & 63)
  }
}
