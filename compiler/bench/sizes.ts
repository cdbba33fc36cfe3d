import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'

/** Bytes of a download: as it is, and each file compressed alone. */
export interface Sizes {
  readonly raw: number
  readonly gzip: number
  readonly brotli: number
}

/** Brotli's best takes seconds for each megabyte; a middle level, as servers use it on the fly, a hundredth of that. */
const largeFile = 2 ** 20

/** gzip and brotli at their best, but brotli at level 5 for files of a megabyte and more. */
export async function sizesOf(paths: readonly string[]): Promise<Sizes> {
  const sizes = await Promise.all(
    paths.map(async (path) => {
      const bytes = await readFile(path)
      const params = {
        [constants.BROTLI_PARAM_QUALITY]: bytes.length < largeFile ? 11 : 5,
        [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
      }
      const [zipped, brotli] = await Promise.all([
        promisify(gzip)(bytes, { level: 9 }),
        promisify(brotliCompress)(bytes, { params }),
      ])
      return { raw: bytes.length, gzip: zipped.length, brotli: brotli.length }
    }),
  )
  const sum = (part: (size: Sizes) => number): number => sizes.reduce((total, size) => total + part(size), 0)
  return { raw: sum((s) => s.raw), gzip: sum((s) => s.gzip), brotli: sum((s) => s.brotli) }
}
