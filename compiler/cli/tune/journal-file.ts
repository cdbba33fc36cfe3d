import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Entry } from '../../tune/index.ts'

export interface JournalFile {
  /** What was there. */
  readonly entries: readonly Entry[]
  /** When it returns the entry is on the disk. */
  append(entry: Entry): void
  close(): void
}

/**
 * The journal in `folder`, which this process alone may write. A702 where another one does, or where there is one already and `resume` is
 * not set.
 */
export async function openJournal(folder: string, resume: boolean): Promise<JournalFile> {
  const { fail } = await import('../../index.ts')
  const { lineOf, readJournal } = await import('../../tune/index.ts')
  mkdirSync(folder, { recursive: true })
  const path = join(folder, 'journal.jsonl')
  const unlock = await locked(join(folder, 'journal.lock'))
  try {
    const isThere = existsSync(path)
    if (isThere && !resume)
      fail('A702', `there is a search in "${folder}" already`, {
        hint: '--resume goes on with it; another one goes to another folder (-o)',
      })
    const { entries, bytes } = isThere
      ? readJournal(readFileSync(path, 'utf8'), `"${path}"`)
      : { entries: [], bytes: 0 }
    const file = openSync(path, isThere ? 'r+' : 'wx')
    ftruncateSync(file, bytes)
    let at = bytes
    return {
      entries,
      append(entry) {
        const line = Buffer.from(lineOf(entry))
        for (let done = 0; done < line.length;) {
          const written = writeSync(file, line, done, line.length - done, at)
          ;[done, at] = [done + written, at + written]
        }
        fsyncSync(file)
      },
      close() {
        closeSync(file)
        unlock()
      },
    }
  } catch (error) {
    unlock()
    throw error
  }
}

/** Holds a file with this process's number in it; one that a dead process left is taken over. */
async function locked(path: string): Promise<() => void> {
  const { fail } = await import('../../index.ts')
  for (let tries = 0; ; tries++) {
    try {
      writeFileSync(path, `${process.pid}`, { flag: 'wx' })
      return () => rmSync(path, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      const owner = Number(readFileSync(path, 'utf8'))
      if (tries > 0 || isAlive(owner))
        fail('A702', `another process (${owner}) goes on with this search`, {
          hint: `if there is none, remove "${path}"`,
        })
      rmSync(path, { force: true })
    }
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return pid !== process.pid
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
