import { Worker } from 'node:worker_threads'
import type { Message, Order, Outcome, Task } from './task.ts'

/** Says whether a trial is to stop. */
export type Judge = (epoch: number, value: number, epochs: number) => boolean

/** A thread that runs trials. One that dies, of too little memory for instance, fails its trial alone. */
export class TrialThread {
  #worker: Worker | undefined

  run(task: Task, judge: Judge): Promise<Outcome> {
    const worker = (this.#worker ??= new Worker(new URL('./thread.js', import.meta.url)))
    const send = (order: Order): void => worker.postMessage(order)
    return new Promise((resolve) => {
      const done = (outcome: Outcome): void => {
        worker.off('message', listen).off('error', failed).off('exit', exited)
        resolve(outcome)
      }
      const dead = (reason: string): void => {
        this.#worker = undefined
        done({ state: 'failed', reason })
      }
      const listen = (message: Message): void => {
        if (message.kind === 'end') done(message.outcome)
        else send({ kind: 'go', stops: judge(message.epoch, message.value, message.epochs) })
      }
      const failed = (error: Error): void => dead(error.message)
      const exited = (code: number): void => dead(`the thread ended with code ${code}`)
      worker.on('message', listen).on('error', failed).on('exit', exited)
      send({ kind: 'task', task })
    })
  }

  async close(): Promise<void> {
    await this.#worker?.terminate()
  }
}
