import { Worker, type MessagePort } from 'node:worker_threads'
import type { PortSpec } from './core/artefact/artefact.ts'
import { byteSize, viewOf, type TypedArray } from './core/scalar/dtype.ts'
import type { Outputs, ParallelExecutor, Replica } from './core/executor.ts'
import { elementCount } from './core/shape.ts'
import type { Tensor } from './core/tensor.ts'
import { compiledExecutor, compileProgram, instanceOf, type Program } from './execute.ts'

/** Bytes that stand at `address` of a module's memory and at `offset` of what threads share. */
interface Range {
  readonly address: number
  readonly offset: number
  readonly bytes: number
}

type Request =
  | {
      readonly kind: 'load'
      readonly module: WebAssembly.Module
      readonly shared: SharedArrayBuffer
      readonly reads: readonly Range[]
      readonly writes: readonly Range[]
    }
  /** One of the programs that were loaded, by its number. */
  | { readonly kind: 'run'; readonly program: number }

/** What went wrong, or nothing. Replies come in the order of the requests. */
type Reply = string | undefined

/** What a thread does. Its text is taken there, so it refers to nothing but its argument. */
function serve(port: MessagePort): void {
  const programs: (() => void)[] = []
  const load = ({ module, shared, reads, writes }: Extract<Request, { kind: 'load' }>): void => {
    const { memory, run } = new WebAssembly.Instance(module).exports as { memory: WebAssembly.Memory; run: () => void }
    // It never grows.
    const own = new Uint8Array(memory.buffer)
    const common = new Uint8Array(shared)
    programs.push(() => {
      for (const { address, offset, bytes } of reads) own.set(common.subarray(offset, offset + bytes), address)
      run()
      for (const { address, offset, bytes } of writes) common.set(own.subarray(address, address + bytes), offset)
    })
  }
  port.on('message', (request: Request) => {
    let reply: Reply
    try {
      if (request.kind === 'load') load(request)
      else programs[request.program]!()
    } catch (error) {
      reply = String(error)
    }
    port.postMessage(reply)
  })
}

/** A thread of Node that runs programs. */
class Thread {
  readonly #worker = new Worker(`(${serve.toString()})(require('node:worker_threads').parentPort)`, { eval: true })
  readonly #waiting: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = []
  #programs = 0
  #ended: Error | undefined

  constructor() {
    this.#worker.on('message', (reply: Reply) => {
      const { resolve, reject } = this.#waiting.shift()!
      if (reply === undefined) resolve()
      else reject(new Error(reply))
    })
    const end = (error: Error): void => {
      this.#ended ??= error
      for (const { reject } of this.#waiting.splice(0)) reject(this.#ended)
    }
    this.#worker.on('error', end)
    this.#worker.on('exit', () => end(new Error('a thread of the training ended')))
  }

  #ask(request: Request): Promise<void> {
    const reply = new Promise<void>((resolve, reject) => {
      // A thread that is no more answers nothing.
      if (this.#ended) return reject(this.#ended)
      this.#waiting.push({ resolve, reject })
      this.#worker.postMessage(request)
    })
    // Whoever waits for it gets the error; it may come before anybody does.
    reply.catch(() => undefined)
    return reply
  }

  /** An instance in this thread. Its inputs, states and outputs are copies that both sides share. */
  async replica({ module, spec, memory }: Program, start: Readonly<Record<string, Tensor>>): Promise<Replica> {
    const { inputs, outputs, states = [] } = spec
    let size = 0
    const place = (ports: readonly PortSpec[]): (Range & PortSpec)[] =>
      ports.map((port) => {
        const [offset, bytes] = [size, elementCount(port.shape) * byteSize(port.dtype)]
        size += Math.ceil(bytes / 16) * 16
        return { ...port, offset, bytes }
      })
    const [given, kept, found] = [place(inputs), place(states), place(outputs)]
    const shared = new SharedArrayBuffer(size)
    const views = (ports: readonly (Range & PortSpec)[]): Readonly<Record<string, TypedArray>> =>
      Object.fromEntries(
        ports.map(({ name, dtype, shape, offset }) => [name, viewOf(dtype, shared, offset, elementCount(shape))]),
      )
    const state = views(kept)
    for (const [name, { data }] of Object.entries(start)) state[name]!.set(data as never)
    const program = this.#programs++
    await this.#ask({ kind: 'load', module, shared, reads: [...given, ...kept], writes: [...kept, ...found] })
    const results = views(found)
    const run = (): Promise<Outputs> => this.#ask({ kind: 'run', program }).then(() => results)
    return { inputs: views(given), state, run, memory }
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }
}

export interface ThreadedExecutor extends ParallelExecutor {
  /** Ends the other threads. */
  close(): Promise<void>
}

/**
 * An executor with this thread and `workers` − 1 others, which start with the first program that is replicated and end with `close`.
 * Programs with outputs whose size depends on data are for one thread.
 */
export function threadedExecutor(workers: number): ThreadedExecutor {
  let threads: Thread[] | undefined
  return {
    ...compiledExecutor,
    workers,
    async replicate(graph, state, start) {
      const program = await compileProgram(graph, state, start)
      threads ??= Array.from({ length: workers - 1 }, () => new Thread())
      return [instanceOf(program), ...(await Promise.all(threads.map((thread) => thread.replica(program, start))))]
    },
    async close() {
      await Promise.all((threads ?? []).map((thread) => thread.close()))
    },
  }
}
