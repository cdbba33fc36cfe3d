import {
  accessSync,
  constants,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  type Stats,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve, sep } from 'node:path'
import { CompileError } from '../core/diagnostics/diagnostic.ts'
import { cannotRead, cannotWrite, notAFile } from './errors.ts'
import { reasonOf } from '../core/diagnostics/errors.ts'

/** A regular file's bytes. A502 where it cannot be read. */
export function readFile(path: string): Uint8Array {
  let bytes: Uint8Array | undefined
  try {
    // A pipe or a device may never end.
    bytes = statSync(path).isFile() ? readFileSync(path) : undefined
  } catch (error) {
    cannotRead(path, reasonOf(error))
  }
  return bytes ?? notAFile(path)
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

/** What stands at a path, links followed or not. */
function entryAt(path: string, stat: typeof lstatSync = lstatSync): Stats | undefined {
  try {
    return stat(path, { throwIfNoEntry: false })
  } catch (error) {
    // Below a file there is nothing.
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined
    throw error
  }
}

/**
 * A505 where files of these names could not be written into `folder`, as far as that can be known before: something on the
 * way to it is no folder or must not be written, or what stands there under a name is no file.
 */
export function checkWritable(folder: string, names: readonly string[] = []): void {
  const refuse = (why: string): never => cannotWrite(folder, why)
  try {
    let existing = resolve(folder)
    while (!entryAt(existing, statSync)) {
      // A link that leads nowhere is no place for a folder either.
      if (entryAt(existing)) refuse(`"${existing}" is a link to nothing`)
      existing = dirname(existing)
    }
    if (!statSync(existing).isDirectory()) refuse(`"${existing}" is not a folder`)
    accessSync(existing, constants.W_OK | constants.X_OK)
    // To rename over a link or a device would replace it, over a folder fails when others are written already.
    const other = names.find((name) => entryAt(join(folder, name))?.isFile() === false)
    if (other !== undefined) refuse(`"${other}" is there and is not a regular file`)
  } catch (error) {
    if (error instanceof CompileError) throw error
    refuse(reasonOf(error))
  }
}

/**
 * Writes files into `folder`, which is made if need be: each whole or not at all, and none if one cannot be written. Then
 * those named in `stale` are removed. A505 where the file system refuses.
 */
export function writeFiles(
  folder: string,
  files: Readonly<Record<string, Uint8Array | string>>,
  stale: readonly string[] = [],
): void {
  const names = Object.keys(files)
  checkWritable(folder, names)
  uninterrupted(() => {
    let made: string | undefined
    let staging: string | undefined
    const undo: (() => void)[] = []
    try {
      made = mkdirSync(folder, { recursive: true })
      staging = mkdtempSync(join(folder, '.attar-'))
      for (const [name, content] of Object.entries(files)) writeFileSync(join(staging, name), content, { flag: 'wx' })
      for (const [i, name] of names.entries()) {
        const target = join(folder, name)
        const earlier = join(staging, `.${i}.earlier`)
        if (entryAt(target)) keep(target, earlier)
        renameSync(join(staging, name), target)
        undo.push(() => (entryAt(earlier) ? renameSync(earlier, target) : rmSync(target)))
      }
      for (const name of stale) rmSync(join(folder, name), { force: true })
    } catch (error) {
      for (const step of undo.reverse()) step()
      if (made !== undefined) rmSync(made, { recursive: true })
      cannotWrite(folder, reasonOf(error))
    } finally {
      if (staging !== undefined) rmSync(staging, { recursive: true, force: true })
    }
  })
}

/**
 * Runs `body` with a new folder for files that nobody else needs, which is gone afterwards, also where a signal ends the
 * process. `body` should not compute for long: signals are told when it waits.
 */
export async function inTemporaryFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'attar-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  const release = onEnding(remove)
  try {
    return await body(folder)
  } finally {
    release()
    remove()
  }
}

/** A second name for a file, or where the file system has no such names, a copy. */
function keep(file: string, copy: string): void {
  try {
    linkSync(file, copy)
  } catch {
    copyFileSync(file, copy)
  }
}

const ending = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Does something before a signal ends the process, until released. Somebody else who listens decides whether it does. */
function onEnding(last: () => void): () => void {
  const end = (signal: NodeJS.Signals): void => {
    release()
    last()
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
  }
  const release = (): void => ending.forEach((signal) => process.off(signal, end))
  ending.forEach((signal) => process.on(signal, end))
  return release
}

/** Runs `body`, which does not wait for anything: signals that end the process do so when it is done. */
function uninterrupted(body: () => void): void {
  const release = onEnding(() => {})
  try {
    body()
  } finally {
    // A signal that came meanwhile is told when the event loop polls, which stands between two immediates.
    setImmediate(() => setImmediate(release))
  }
}
