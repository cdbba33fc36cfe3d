import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { inspectModule } from '../index.ts'

/** Bytes of a file, or of a part of the one above it, as they are and compressed alone. */
export interface PartSize {
  readonly part: string
  readonly raw: number
  readonly gzip: number
  readonly brotli: number
}

/** Brotli's best takes seconds for a megabyte, and weights hardly shrink. */
const largePart = 2 ** 16

async function sizeOf(part: string, bytes: Uint8Array): Promise<PartSize> {
  const quality = bytes.length > largePart ? 5 : 11
  const [zipped, brotli] = await Promise.all([
    promisify(gzip)(bytes, { level: 9 }),
    promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: quality } }),
  ])
  return { part, raw: bytes.length, gzip: zipped.length, brotli: brotli.length }
}

/** Sizes of what is shipped: the modules, each with its code and its weights, and the script. */
export async function partSizes(files: Readonly<Record<string, Uint8Array | string>>): Promise<PartSize[]> {
  const parts = Object.entries(files).flatMap(([file, content]): [string, Uint8Array][] => {
    if (file.endsWith('.js')) return [[file, new TextEncoder().encode(String(content))]]
    if (!file.endsWith('.wasm') || typeof content === 'string') return []
    const { sections } = inspectModule(content)
    const payload = (name: string): Uint8Array => sections.find((s) => s.name === name)?.payload ?? new Uint8Array()
    return [
      [file, content],
      ['  code', payload('code')],
      ['  weights', payload('data')],
    ]
  })
  return Promise.all(parts.map(([part, bytes]) => sizeOf(part, bytes)))
}
