import { printable } from '../core/diagnostics/printable.ts'

/** Where text goes, as it is. */
export interface Streams {
  /** To stdout, with a newline behind. */
  out(text: string): void
  /** To stderr, likewise. */
  err(text: string): void
  /** Shown on stderr if it is a terminal and the command takes long, and wiped by what comes next. It may have several lines. */
  status(text: string): void
}

/**
 * Where a command writes, a line or several. A line may hold any text from models and files, line breaks too: what would act
 * on the terminal is escaped here.
 */
export interface Terminal {
  /** Results. */
  out(lines: string | readonly string[]): void
  /** Everything else. */
  err(lines: string | readonly string[]): void
  /** What is being done just now. */
  status(lines: string | readonly string[]): void
}

const shown = (lines: string | readonly string[]): string => [lines].flat().map(printable).join('\n')

export const terminalOn = ({ out, err, status }: Streams): Terminal => ({
  out: (lines) => out(shown(lines)),
  err: (lines) => err(shown(lines)),
  status: (lines) => status(shown(lines)),
})

/** Quick commands show no progress. */
const patience = 500

export function processStreams(): Streams {
  const { stdout, stderr } = process
  // Who reads a pipe may close it, as `head` does.
  stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 2))
  const start = performance.now()
  let shown = 0
  const wipe = (): void => {
    // To the first of the lines, and all from there on.
    if (shown > 0) stderr.write(`\r${shown > 1 ? `\x1b[${shown - 1}A` : ''}\x1b[J`)
    shown = 0
  }
  return {
    out: (text) => {
      wipe()
      stdout.write(`${text}\n`)
    },
    err: (text) => {
      wipe()
      stderr.write(`${text}\n`)
    },
    status: (text) => {
      wipe()
      if (!stderr.isTTY || performance.now() - start < patience) return
      const lines = text.split('\n').map((line) => line.slice(0, Math.max(1, stderr.columns - 1)))
      stderr.write(lines.join('\n'))
      shown = lines.length
    },
  }
}
