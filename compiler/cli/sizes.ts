import { compressedSizes, quick, thorough, type Effort, type Sizes } from '../bench/sizes.ts'
import { inspectModule } from '../index.ts'

/** Bytes of a file, as it is and compressed, or of a part of the file above it. */
export interface PartSize extends Partial<Sizes> {
  readonly part: string
  readonly raw: number
}

/** Sizes of a module, its code and its weights. Compression starts at once, beside whatever the caller does next. */
export async function moduleSizes(part: string, wasm: Uint8Array, best: boolean): Promise<PartSize[]> {
  const compressed = compressedSizes(wasm, effortOf(best))
  const { sections } = inspectModule(wasm)
  const bytes = (name: string): number => sections.find((s) => s.name === name)?.payload.length ?? 0
  return [
    { part, ...(await compressed) },
    { part: '  code', raw: bytes('code') },
    { part: '  weights', raw: bytes('data') },
  ]
}

export async function scriptSizes(part: string, text: string, best: boolean): Promise<PartSize> {
  return { part, ...(await compressedSizes(new TextEncoder().encode(text), effortOf(best))) }
}

/** `best` compresses large files at high levels, which takes seconds for some megabytes. */
const effortOf = (best: boolean): Effort => (best ? thorough : quick)
