import { unzipSync, zipSync, type UnzipFileInfo } from 'fflate'
import { CompileError, fail } from '../core/diagnostic.ts'
import type { Tensor } from '../core/tensor.ts'
import { readNpy, writeNpy } from './npy.ts'
import { canHold } from './unpack.ts'

/** What an archive may hold, unpacked, whatever it says of itself. */
const limits = { arrays: 2 ** 16, bytes: 2 ** 31 - 1 }

/**
 * The arrays in an `.npz` archive by name. A502 where the bytes are no such archive or an array cannot be read, A301 where
 * it unpacks to more than 2 GiB; `what` names the file.
 */
export function readNpz(bytes: Uint8Array, what = 'the archive'): Record<string, Tensor> {
  let arrays = 0
  let total = 0
  let packed = 0
  const admit = ({ name, size, originalSize }: UnzipFileInfo): boolean => {
    if (++arrays > limits.arrays) fail('A301', `${what} has more than ${limits.arrays} entries`)
    if (!name.endsWith('.npy')) return false
    packed += size
    if (packed > bytes.length) fail('A502', `${what}: its entries overlap`)
    if (!canHold(size, originalSize)) fail('A502', `${what}: the size of "${name}" is not what was packed`)
    total += originalSize
    if (total > limits.bytes) fail('A301', `${what} unpacks to more than ${limits.bytes} bytes`)
    return true
  }
  let files: Record<string, Uint8Array>
  try {
    files = unzipSync(bytes, { filter: admit })
  } catch (error) {
    if (error instanceof CompileError) throw error
    fail('A502', `${what} is not an .npz archive: ${error instanceof Error ? error.message : String(error)}`)
  }
  const entries = Object.entries(files).map(([file, content]) => {
    const name = file.slice(0, -'.npy'.length)
    return [name, readNpy(content, `"${name}" in ${what}`)] as const
  })
  return Object.fromEntries(entries)
}

/** An `.npz` archive that `numpy.load` reads. The same tensors give the same bytes. */
export function writeNpz(tensors: Readonly<Record<string, Tensor>>): Uint8Array {
  const files = Object.entries(tensors).map(([name, t]) => [`${name}.npy`, writeNpy(t)] as const)
  // A zip entry's time starts in 1980 and is local, so a local date is the same bytes in every time zone.
  return zipSync(Object.fromEntries(files), { mtime: new Date(1980, 0, 1) })
}
