/** What runs in a thread of a search: trials, one at a time. */
import { parentPort } from 'node:worker_threads'
import { CompileError } from '../../index.ts'
import { identityOf } from './identity.ts'
import { runTrial } from './run-trial.ts'
import type { Message, Order, Task, TaskSource } from './task.ts'

const port = parentPort!
const send = (message: Message): void => port.postMessage(message)

/** Who waits to hear whether to go on. */
let waiting: ((stops: boolean) => void) | undefined

async function run(task: Task): Promise<void> {
  try {
    const outcome = await runTrial(task, (epoch, value, epochs) => {
      send({ kind: 'epoch', epoch, value, epochs })
      return new Promise((resolve) => (waiting = resolve))
    })
    send({ kind: 'end', outcome })
  } catch (error) {
    send({ kind: 'end', outcome: { state: 'failed', reason: reasonOf(error), isMachines: isMachines(error) } })
  }
}

async function check(source: TaskSource): Promise<void> {
  try {
    send({ kind: 'checked', checked: await identityOf(source) })
  } catch (error) {
    send({ kind: 'checked', checked: { reason: reasonOf(error) } })
  }
}

/** What is no diagnostic, or one of a file that could not be written, is no fault of what was to be trained. */
const isMachines = (error: unknown): boolean =>
  !(error instanceof CompileError) || error.diagnostics.some(({ code }) => code === 'A505')

function reasonOf(error: unknown): string {
  if (error instanceof CompileError)
    return error.diagnostics.map(({ code, message }) => `${code}: ${message}`).join('; ')
  return error instanceof Error ? error.message : String(error)
}

port.on('message', (order: Order) => {
  if (order.kind === 'task') void run(order.task)
  else if (order.kind === 'check') void check(order.source)
  else waiting?.(order.stops)
})
