import { zipSync } from 'fflate'

/** A row-major uint8 tensor. */
export interface ByteTensor {
  shape: number[]
  data: Uint8Array
}

// The npy format, version 1.0: magic, version, header length, then a Python dict padded so that data start at a
// multiple of 64 (numpy.lib.format).
function npy({ shape, data }: ByteTensor): Uint8Array {
  const prefix = 10
  const dict = `{'descr': '|u1', 'fortran_order': False, 'shape': (${shape.map((n) => `${n},`).join(' ')}), }`
  const end = Math.ceil((prefix + dict.length + 1) / 64) * 64
  const bytes = new Uint8Array(end + data.length)
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, (end - prefix) & 255, (end - prefix) >> 8])
  bytes.set(new TextEncoder().encode(dict.padEnd(end - prefix - 1) + '\n'), prefix)
  bytes.set(data, end)
  return bytes
}

/** Writes what `numpy.load` reads: an npz archive of uint8 arrays. The same arrays give the same bytes. */
export function writeNpz(arrays: Record<string, ByteTensor>): Uint8Array {
  const files = Object.fromEntries(Object.entries(arrays).map(([name, array]) => [`${name}.npy`, npy(array)]))
  // A zip entry's time starts in 1980 and is local, so a local date is the same bytes in every time zone.
  return zipSync(files, { level: 9, mtime: new Date(1980, 0, 1) })
}
