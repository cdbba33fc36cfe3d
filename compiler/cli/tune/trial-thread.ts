import { Worker } from 'node:worker_threads'
import type { Judge } from './pool.ts'
import type { Checked, Message, Order, Outcome, Task, TaskSource } from './task.ts'

/** A thread that runs trials. One that dies, of too little memory for instance, fails its trial alone. */
export class TrialThread {
  #worker: Worker | undefined

  run(task: Task, judge: Judge): Promise<Outcome> {
    return this.#order<Outcome>(
      { kind: 'task', task },
      async (message, reply) => {
        if (message.kind === 'end') return message.outcome
        if (message.kind === 'epoch')
          reply({ kind: 'go', stops: await judge(message.epoch, message.value, message.epochs) })
        return undefined
      },
      (reason) => ({ state: 'failed', reason, isMachines: true }),
    )
  }

  /** What a search is known by where its files are those of `source`. */
  check(source: TaskSource): Promise<Checked> {
    return this.#order<Checked>(
      { kind: 'check', source },
      (message) => Promise.resolve(message.kind === 'checked' ? message.checked : undefined),
      (reason) => ({ reason }),
    )
  }

  #order<T>(
    order: Order,
    heard: (message: Message, reply: (order: Order) => void) => Promise<T | undefined>,
    died: (reason: string) => T,
  ): Promise<T> {
    const worker = (this.#worker ??= new Worker(new URL('./thread.js', import.meta.url)))
    const send = (order: Order): void => worker.postMessage(order)
    return new Promise((resolve, reject) => {
      const done = (): void => void worker.off('message', listen).off('error', failed).off('exit', exited)
      const dead = (reason: string): void => {
        this.#worker = undefined
        done()
        resolve(died(reason))
      }
      const listen = (message: Message): void => {
        const end = (then: () => void): void => {
          done()
          then()
        }
        heard(message, send).then(
          (result) => result !== undefined && end(() => resolve(result)),
          (error: Error) => end(() => reject(error)),
        )
      }
      const failed = (error: Error): void => dead(error.message)
      const exited = (code: number): void => dead(`the thread ended with code ${code}`)
      worker.on('message', listen).on('error', failed).on('exit', exited)
      send(order)
    })
  }

  async close(): Promise<void> {
    await this.#worker?.terminate()
  }
}
