import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileKey, maxFileBytes, resultFiles, type ResultFile, type Server } from '../../../tune/queue/index.ts'

/** Seconds that files lie on the server if nobody takes them. */
const keptFor = 600

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** A file of a result, with what is said of it. */
export interface Parcel extends ResultFile {
  readonly content: Buffer
}

/** What a training left in a folder. A301 for what is too large to be sent. */
export async function parcelsIn(folder: string): Promise<Parcel[]> {
  const { fail } = await import('../../../index.ts')
  const { readFile } = await import('../../../data/index.ts')
  return resultFiles
    .filter((name) => existsSync(join(folder, name)))
    .map((name) => {
      const content = Buffer.from(readFile(join(folder, name)))
      if (content.length > maxFileBytes) fail('A301', `${name} has more than ${maxFileBytes} bytes`)
      return { name, bytes: content.length, sha256: hashOf(content), content }
    })
}

/** Puts files onto the server. */
export async function sendFiles(server: Server, run: string, delivery: string, parcels: readonly Parcel[]) {
  for (const { name, content } of parcels) await server.redis.set(fileKey(run, delivery, name), content, 'EX', keptFor)
}

/**
 * Takes files from the server into the folder of a task; false where one is not there or not as it was said to be, and then nothing is
 * written.
 */
export async function takeFiles(
  server: Server,
  run: string,
  delivery: string,
  files: readonly ResultFile[],
  { folder, scoresTest }: { readonly folder: string; readonly scoresTest: boolean },
): Promise<boolean> {
  const { writeFiles } = await import('../../../data/index.ts')
  const needed = resultFiles.filter((name) => name !== 'right.json')
  if (!needed.every((name) => files.some((file) => file.name === name))) return false
  const contents: Record<string, Uint8Array> = {}
  for (const { name, bytes, sha256 } of files) {
    if (name === 'right.json' && !scoresTest) continue
    const key = fileKey(run, delivery, name)
    if ((await server.redis.strlen(key)) !== bytes) return false
    const content = await server.redis.getBuffer(key)
    if (!content || hashOf(content) !== sha256) return false
    contents[name] = content
  }
  writeFiles(folder, contents)
  await server.redis.del(...files.map(({ name }) => fileKey(run, delivery, name)))
  return true
}
