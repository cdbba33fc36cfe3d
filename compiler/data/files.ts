import { mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { fail } from '../core/diagnostic.ts'

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** A regular file's bytes. A502 where it cannot be read. */
export function readFile(path: string): Uint8Array {
  let bytes: Uint8Array | undefined
  try {
    // A pipe or a device may never end.
    bytes = statSync(path).isFile() ? readFileSync(path) : undefined
  } catch (error) {
    fail('A502', `cannot read "${path}": ${reason(error)}`)
  }
  return bytes ?? fail('A502', `"${path}" is not a file`)
}

/** Reads files in the folder of `path` and below by relative names, nothing outside, also not by way of links. */
export function readerBeside(path: string): (name: string) => Uint8Array {
  return (name) => {
    const folder = realpathSync(dirname(path))
    const file = realpathSync(join(folder, name))
    if (!file.startsWith(folder.endsWith(sep) ? folder : folder + sep)) throw new Error('it lies outside of the folder')
    return readFile(file)
  }
}

/**
 * Writes files into `folder`, which is made if need be: each whole or not at all, and none if one cannot be written. A502
 * where the file system refuses.
 */
export function writeFiles(folder: string, files: Readonly<Record<string, Uint8Array | string>>): void {
  const staged = Object.entries(files).map(([name, content]) => {
    const target = join(folder, name)
    return { target, temporary: `${target}.${process.pid}.tmp`, content }
  })
  try {
    mkdirSync(folder, { recursive: true })
    for (const { temporary, content } of staged) writeFileSync(temporary, content, { flag: 'wx' })
    for (const { temporary, target } of staged) renameSync(temporary, target)
  } catch (error) {
    for (const { temporary } of staged) rmSync(temporary, { force: true })
    fail('A502', `cannot write into "${folder}": ${reason(error)}`)
  }
}
