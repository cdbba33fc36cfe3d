/** Where a command writes. */
export interface Terminal {
  /** Results, to stdout. */
  out(text: string): void
  /** Everything else, to stderr. */
  err(text: string): void
  /** What is being done just now: shown on stderr if it is a terminal and this takes long, and wiped by what comes next. */
  status(text: string): void
}

/** Quick commands show no progress. */
const patience = 500

export function processTerminal(): Terminal {
  const { stdout, stderr } = process
  // Who reads a pipe may close it, as `head` does.
  stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 2))
  const start = performance.now()
  let shown = false
  const wipe = (): void => {
    if (shown) stderr.write('\r\x1b[2K')
    shown = false
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
      stderr.write(text.slice(0, Math.max(1, stderr.columns - 1)))
      shown = true
    },
  }
}
