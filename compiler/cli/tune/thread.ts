/** What runs in a thread of a search: trials, one at a time. */
import { parentPort } from 'node:worker_threads'
import { CompileError } from '../../index.ts'
import { runTrial } from './run-trial.ts'
import type { Message, Order, Task } from './task.ts'

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
    send({ kind: 'end', outcome: { state: 'failed', reason: reasonOf(error) } })
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof CompileError)
    return error.diagnostics.map(({ code, message }) => `${code}: ${message}`).join('; ')
  return error instanceof Error ? error.message : String(error)
}

port.on('message', (order: Order) => {
  if (order.kind === 'task') void run(order.task)
  else waiting?.(order.stops)
})
