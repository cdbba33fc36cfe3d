import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach } from 'vitest'
import { main } from '../../compiler/cli/program.ts'
import type { Streams } from '../../compiler/cli/terminal.ts'

/**
 * The command line in this process, for one file of tests. What commands print is in `out`, `err` and `status`, which each test finds
 * empty, and which are emptied by setting their length. `at` gives places in a folder that stays until the tests are over.
 */
export function commandLine() {
  const folder = mkdtempSync(join(tmpdir(), 'attar-'))
  const [out, err, status]: [string[], string[], string[]] = [[], [], []]
  const streams: Streams = {
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
    status: (text) => void status.push(text),
  }
  const clear = (): void => {
    for (const lines of [out, err, status]) lines.length = 0
  }
  beforeEach(clear)
  afterAll(() => rmSync(folder, { recursive: true }))
  return {
    folder,
    at: (...parts: string[]): string => join(folder, ...parts),
    ...{ out, err, status, streams, clear },
    /** Runs a command and gives its exit code. */
    attar: (...args: string[]): Promise<number> => main(args, streams),
    /** What was printed, as one value. */
    json: () => JSON.parse(out.join('\n')) as Record<string, unknown>,
  }
}
