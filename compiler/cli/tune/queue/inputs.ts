import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Settings } from '../../../config/schema.ts'
import type { Input } from '../../../tune/queue/index.ts'
import { mapPaths } from '../../train/settings.ts'

/** The SHA-256 of the files that data consists of, and of their names where those are part of it. */
export async function contentHash(path: string): Promise<string> {
  const { filesOfData } = await import('../../../data/index.ts')
  const files = filesOfData(path)
  // What a file that stands alone is called does not matter.
  if (files.length === 1) return fileHash(files[0]!.path)
  const all = createHash('sha256')
  for (const { name, path } of files) all.update(`${await fileHash(path)} ${name}\n`)
  return all.digest('hex')
}

/** Read by pieces, between which other things go on. */
export async function fileHash(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer)
  return hash.digest('hex')
}

/** What settings read: the fields and their paths. */
export function inputPaths(settings: Settings): { readonly field: Input['field']; readonly path: string }[] {
  const found: { field: Input['field']; path: string }[] = []
  mapPaths(settings, (path, field) => {
    found.push({ field, path })
    return path
  })
  return found
}

/** What settings read, with hashes of what is in it. */
export async function inputsOf(settings: Settings): Promise<Input[]> {
  const inputs: Input[] = []
  for (const { field, path } of inputPaths(settings))
    inputs.push({ field, name: basename(path), sha256: await contentHash(path) })
  return inputs
}

/** Where an input lies here, in `folder` under its name or where the settings say; or why it is not here. */
export async function locate(
  { field, name, sha256 }: Input,
  own: string,
  folder: string,
): Promise<{ readonly path: string } | { readonly reason: string }> {
  const there = [...new Set([join(folder, name), own])].filter((path) => existsSync(path))
  for (const path of there) {
    const isSame = await contentHash(path).then(
      (found) => found === sha256,
      () => false,
    )
    if (isSame) return { path }
  }
  const what = `"${name}" (${field})`
  return {
    reason:
      there.length > 0 ? `${what} is here, but is not the same: ${there.join(', ')}` : `${what} is not in ${folder}`,
  }
}

export const textHash = (text: string): string => createHash('sha256').update(text).digest('hex')
