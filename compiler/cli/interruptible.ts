/** Runs `body`, whose signal the first Ctrl-C sets; the second ends the process as usual. */
export async function interruptible<T>(body: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController()
  const stop = (): void => {
    if (abort.signal.aborted) {
      process.off('SIGINT', stop)
      process.kill(process.pid, 'SIGINT')
    }
    abort.abort()
  }
  process.on('SIGINT', stop)
  try {
    return await body(abort.signal)
  } finally {
    process.off('SIGINT', stop)
  }
}
