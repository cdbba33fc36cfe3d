import { channels, readCoordinatorMessage, type Question, type Says, type Server } from '../../../tune/queue/index.ts'

/** Thrown where nobody waits for the answer any more. */
export class Withdrawn extends Error {}

type Unasked<Q> = Q extends Question ? Omit<Q, 'ask'> : never

/** Questions of a worker to the coordinator of a run, which are asked again until they are answered. */
export class Questions {
  readonly #server: Server
  readonly #run: string
  readonly #every: number
  readonly #waiting = new Map<string, (says: Says) => void>()
  #count = 0

  constructor(server: Server, run: string, every: number) {
    this.#server = server
    this.#run = run
    this.#every = every
  }

  heard(text: string): 'over' | undefined {
    const message = readCoordinatorMessage(text)
    if (message?.kind === 'over') return 'over'
    if (message) this.#waiting.get(`${message.delivery} ${message.ask}`)?.(message.says)
    return undefined
  }

  /** `before` is done each time before it is asked. It throws `Withdrawn` when the signal is set. */
  async ask(question: Unasked<Question>, signal: AbortSignal, before?: () => Promise<void>): Promise<Says> {
    const ask = this.#count++
    const key = `${question.delivery} ${ask}`
    let timer: NodeJS.Timeout | undefined
    let withdraw = (): void => {}
    try {
      return await new Promise<Says>((resolve, reject) => {
        withdraw = (): void => reject(new Withdrawn())
        if (signal.aborted) return withdraw()
        signal.addEventListener('abort', withdraw)
        this.#waiting.set(key, resolve)
        let isSending = false
        const send = async (): Promise<void> => {
          if (isSending || !this.#server.isConnected) return
          isSending = true
          try {
            await before?.()
            if (this.#waiting.has(key))
              await this.#server.publish(channels.toCoordinator(this.#run), { ...question, ask })
          } catch (error) {
            // What fails for want of a connection is done again.
            if (this.#server.isConnected) reject(error as Error)
          } finally {
            isSending = false
          }
        }
        timer = setInterval(() => void send(), this.#every)
        void send()
      })
    } finally {
      clearInterval(timer)
      signal.removeEventListener('abort', withdraw)
      this.#waiting.delete(key)
    }
  }
}
