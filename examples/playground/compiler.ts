/** The worker that has the compiler, and what it is asked. */
import type { Calls, Failure, Opened, Reply, Request } from './protocol.ts'

export class Failed extends Error {
  readonly failures: readonly Failure[]
  constructor(failures: readonly Failure[]) {
    super(failures[0]?.message)
    this.failures = failures
  }
}

/** Of a call that was stopped. */
export class Stopped extends Error {}

interface Listener {
  readonly progress: (text: string) => void
  readonly inspected?: (html: string) => void
}

/**
 * A worker from a blob is under the page's own Content-Security-Policy; one from a file would be under none but what its server
 * sends.
 */
function start() {
  const url = new URL('worker.js', import.meta.url).href
  const blob = URL.createObjectURL(new Blob([`import ${JSON.stringify(url)}`], { type: 'text/javascript' }))
  const worker = new Worker(blob, { type: 'module' })
  const crashed = new Promise<Failed>((resolve) => {
    worker.onerror = ({ message }) => {
      resolve(
        new Failed([{ message: `The compiler does not run in this browser: ${message || 'it could not be loaded'}` }]),
      )
    }
  })
  return { worker, crashed }
}

export class Compiler {
  #running = start()
  #stop: (() => void) | undefined
  /** What the worker has to be given again when it was stopped. */
  #files: readonly File[] | undefined

  async open(files: readonly File[], listener: Listener): Promise<Opened> {
    this.#files = undefined
    const opened = await this.#call({ call: 'open', argument: files }, listener)
    this.#files = files
    return opened
  }

  compile = (choices: Parameters<Calls['compile']>[0], listener: Listener) =>
    this.#call({ call: 'compile', argument: choices }, listener)
  run = (data: Parameters<Calls['run']>[0], listener: Listener) => this.#call({ call: 'run', argument: data }, listener)
  measure = (listener: Listener) => this.#call({ call: 'measure', argument: undefined as never }, listener)

  zip = (files: Parameters<Calls['zip']>[0], listener: Listener) =>
    this.#call({ call: 'zip', argument: files }, listener)

  /** Ends the call that is under way. What was compiled is gone; the model is opened anew. */
  async stop(): Promise<void> {
    this.#running.worker.terminate()
    this.#running = start()
    const stopped = this.#stop
    if (this.#files) await this.#call({ call: 'open', argument: this.#files }, { progress: () => {} })
    stopped?.()
  }

  #call<K extends keyof Calls>(
    request: Request & { readonly call: K },
    { progress, inspected }: Listener,
  ): Promise<ReturnType<Calls[K]>> {
    return new Promise((resolve, reject) => {
      const { worker, crashed } = this.#running
      void crashed.then(reject)
      this.#stop = () => reject(new Stopped())
      worker.onmessage = ({ data }: MessageEvent<Reply>) => {
        if (data.kind === 'progress') progress(data.text)
        else if (data.kind === 'inspected') inspected?.(data.html)
        else if (data.kind === 'failed') reject(new Failed(data.failures))
        else resolve(data.value as ReturnType<Calls[K]>)
      }
      worker.postMessage(request)
    })
  }
}
