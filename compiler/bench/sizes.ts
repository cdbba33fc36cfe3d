import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'

/** Bytes of a download: as it is, and each file compressed alone. */
export interface Sizes {
  readonly raw: number
  readonly gzip: number
  readonly brotli: number
}

/** Levels of gzip and brotli for files of `largeFile` bytes and more; both are at their best for smaller ones. */
export interface Effort {
  readonly gzip: number
  readonly brotli: number
}

/** Brotli's best takes seconds for each megabyte. */
const largeFile = 2 ** 18

/** What a server does ahead of time, short of brotli's slowest levels. */
export const thorough: Effort = { gzip: 9, brotli: 5 }

/** A tenth of a second for each five megabytes, and up to a sixth more bytes. Brotli from 4 on needs memory that takes longer to get. */
export const quick: Effort = { gzip: 4, brotli: 3 }

export async function compressedSizes(bytes: Uint8Array, effort: Effort): Promise<Sizes> {
  const { gzip: level, brotli: quality } = bytes.length < largeFile ? { gzip: 9, brotli: 11 } : effort
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: quality,
    [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  }
  // Each chunk of output is a task of its own, which a busy main thread keeps waiting.
  const chunkSize = bytes.length + 1024
  const [zipped, brotli] = await Promise.all([
    promisify(gzip)(bytes, { level, chunkSize }),
    promisify(brotliCompress)(bytes, { params, chunkSize }),
  ])
  return { raw: bytes.length, gzip: zipped.length, brotli: brotli.length }
}

/** Sums over the files. */
export async function sizesOf(paths: readonly string[]): Promise<Sizes> {
  const sizes = await Promise.all(paths.map(async (path) => compressedSizes(await readFile(path), thorough)))
  const sum = (part: (size: Sizes) => number): number => sizes.reduce((total, size) => total + part(size), 0)
  return { raw: sum((s) => s.raw), gzip: sum((s) => s.gzip), brotli: sum((s) => s.brotli) }
}
