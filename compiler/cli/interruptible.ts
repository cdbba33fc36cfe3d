/** Runs `body`, whose signal the first Ctrl-C sets; the second ends the process as usual. So do other signals that are named. */
export async function interruptible<T>(
  body: (signal: AbortSignal) => Promise<T>,
  signals: readonly NodeJS.Signals[] = ['SIGINT'],
): Promise<T> {
  const abort = new AbortController()
  const stop = (signal: NodeJS.Signals): void => {
    if (abort.signal.aborted) {
      process.off(signal, stop)
      process.kill(process.pid, signal)
    }
    abort.abort()
  }
  signals.forEach((signal) => process.on(signal, stop))
  try {
    return await body(abort.signal)
  } finally {
    signals.forEach((signal) => process.off(signal, stop))
  }
}
