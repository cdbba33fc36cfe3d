import { Gunzip, Unzlib } from 'fflate'

/** Deflate cannot shrink data further than that; a little room for the ends of blocks. */
export const bestRatio = 1032
const room = 1024

/** Whether `packed` bytes of deflate may hold `size`. */
export const canHold = (packed: number, size: number): boolean => size <= packed * bestRatio + room

/** What is unpacked at once: a thousand times as much at most is made of it before it is counted. fflate copies 128 KB for each. */
const piece = 16384

/**
 * Exactly `size` bytes from packed ones. Memory is never more than 32 megabytes above that. Throws an Error that says so
 * where there are more or fewer, or where they are damaged.
 */
export function unpack(format: 'gzip' | 'zlib', packed: readonly Uint8Array[], size: number): Uint8Array {
  const length = packed.reduce((sum, part) => sum + part.length, 0)
  if (!canHold(length, size)) throw new Error(`${length} bytes cannot hold the ${size} that it should have`)
  const result = new Uint8Array(size)
  let at = 0
  const take = (chunk: Uint8Array): void => {
    if (at + chunk.length > size) throw new Error(`it unpacks to more than the ${size} bytes that it should have`)
    result.set(chunk, at)
    at += chunk.length
  }
  const stream = format === 'gzip' ? new Gunzip(take) : new Unzlib(take)
  for (const part of packed)
    for (let from = 0; from < part.length; from += piece) stream.push(part.subarray(from, from + piece), false)
  stream.push(new Uint8Array(0), true)
  if (at !== size) throw new Error(`it unpacks to ${at} of the ${size} bytes that it should have`)
  return result
}
