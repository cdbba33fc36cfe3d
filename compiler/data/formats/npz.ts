import { unzipSync, zipSync, type UnzipFileInfo } from 'fflate'
import { CompileError } from '../../core/diagnostics/diagnostic.ts'
import type { Tensor } from '../../core/tensor.ts'
import { readNpy, writeNpy } from './npy.ts'
import { readNpyStrings, writeNpyStrings, type StringArray } from './npy-strings.ts'
import { canHold } from './unpack.ts'
import { malformed, notOfFormat, tooMany, unpacksToMore } from '../errors.ts'
import { reasonOf } from '../../core/diagnostics/errors.ts'

/** What an archive may hold, unpacked, whatever it says of itself. */
const limits = { arrays: 2 ** 16, bytes: 2 ** 31 - 1 }

/**
 * The arrays in an `.npz` archive by name. A502 where the bytes are no such archive or an array cannot be read, A301 where
 * it unpacks to more than 2 GiB; `what` names the file.
 */
export const readNpz = (bytes: Uint8Array, what = 'the archive'): Record<string, Tensor> =>
  archived(bytes, what, readNpy)

/** The same, of which some may be strings. */
export const readNpzOfStrings = (bytes: Uint8Array, what = 'the archive'): Record<string, Tensor | StringArray> =>
  archived(bytes, what, (content, name) => readNpyStrings(content, name) ?? readNpy(content, name))

function archived<T>(
  bytes: Uint8Array,
  what: string,
  read: (content: Uint8Array, what: string) => T,
): Record<string, T> {
  let arrays = 0
  let total = 0
  let packed = 0
  const admit = ({ name, size, originalSize }: UnzipFileInfo): boolean => {
    if (++arrays > limits.arrays) tooMany(what, limits.arrays, 'entries')
    if (!name.endsWith('.npy')) return false
    packed += size
    if (packed > bytes.length) malformed(what, 'its entries overlap')
    if (!canHold(size, originalSize)) malformed(what, `the size of "${name}" is not what was packed`)
    total += originalSize
    if (total > limits.bytes) unpacksToMore(what, limits.bytes)
    return true
  }
  let files: Record<string, Uint8Array>
  try {
    files = unzipSync(bytes, { filter: admit })
  } catch (error) {
    if (error instanceof CompileError) throw error
    notOfFormat(what, 'an .npz archive', reasonOf(error))
  }
  const entries = Object.entries(files).map(([file, content]) => {
    const name = file.slice(0, -'.npy'.length)
    return [name, read(content, `"${name}" in ${what}`)] as const
  })
  return Object.fromEntries(entries)
}

/** An `.npz` archive that `numpy.load` reads. The same tensors give the same bytes. */
export function writeNpz(tensors: Readonly<Record<string, Tensor | StringArray>>): Uint8Array {
  const files = Object.entries(tensors).map(([name, t]) => {
    return [`${name}.npy`, 'strings' in t ? writeNpyStrings(t) : writeNpy(t)] as const
  })
  // A zip entry's time starts in 1980 and is local, so a local date is the same bytes in every time zone.
  return zipSync(Object.fromEntries(files), { mtime: new Date(1980, 0, 1) })
}
