import { compressedSizes, quick, thorough, type Sizes } from '../bench/sizes.ts'
import { inspectModule } from '../index.ts'

/** Bytes of a file, as it is and compressed, or of a part of the file above it. */
export interface PartSize extends Partial<Sizes> {
  readonly part: string
  readonly raw: number
}

/**
 * Sizes of what is shipped: the modules, each with its code and its weights, and the script. `best` compresses large files
 * at high levels, which takes seconds for some megabytes.
 */
export async function partSizes(
  files: Readonly<Record<string, Uint8Array | string>>,
  best: boolean,
): Promise<PartSize[]> {
  const effort = best ? thorough : quick
  const parts = Object.entries(files).map(async ([part, content]): Promise<PartSize[]> => {
    if (part.endsWith('.js'))
      return [{ part, ...(await compressedSizes(new TextEncoder().encode(String(content)), effort)) }]
    if (!part.endsWith('.wasm') || typeof content === 'string') return []
    const { sections } = inspectModule(content)
    const bytes = (name: string): number => sections.find((s) => s.name === name)?.payload.length ?? 0
    return [
      { part, ...(await compressedSizes(content, effort)) },
      { part: '  code', raw: bytes('code') },
      { part: '  weights', raw: bytes('data') },
    ]
  })
  return (await Promise.all(parts)).flat()
}
