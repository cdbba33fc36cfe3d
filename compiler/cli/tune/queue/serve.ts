import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import {
  bullmq,
  channels,
  queueOf,
  readJob,
  type Announcement,
  type Job,
  type QueueWorker,
  type QueuedJob,
  type Server,
} from '../../../tune/queue/index.ts'
import { valueText } from '../table.ts'
import type { Outcome, Task, TaskSource } from '../task.ts'
import { TrialThread } from '../trial-thread.ts'
import { parcelsIn, sendFiles, type Parcel } from './files.ts'
import { Questions, Withdrawn } from './questions.ts'

/** Something that a worker does, for people and for programs. */
export type Tell = (event: { readonly event: string; readonly [field: string]: unknown }, line: string) => void

export interface Host {
  readonly server: Server
  readonly worker: { readonly id: string; readonly name: string; readonly jobs: number }
  /** Where trainings keep what they need. */
  readonly folder: string
  readonly tell: Tell
}

/** Takes trials of one run. The main thread renews their leases, so it computes nothing: trainings run in threads. */
export class Serving {
  readonly announcement: Announcement
  readonly #host: Host
  readonly #source: TaskSource
  readonly #questions: Questions
  readonly #threads: TrialThread[]
  readonly #leaving = new AbortController()
  readonly #ended: () => void
  #worker: QueueWorker | undefined
  #isOver = false

  /** `thread` has read the source already. `ended` is told when the run is over. */
  static async start(
    host: Host,
    announcement: Announcement,
    { source, thread }: { readonly source: TaskSource; readonly thread: TrialThread },
    ended: () => void,
  ): Promise<Serving> {
    const serving = new Serving(host, announcement, source, thread, ended)
    await serving.#start()
    return serving
  }

  private constructor(
    host: Host,
    announcement: Announcement,
    source: TaskSource,
    thread: TrialThread,
    ended: () => void,
  ) {
    this.announcement = announcement
    this.#host = host
    this.#source = source
    this.#ended = ended
    this.#questions = new Questions(host.server, announcement.run, Math.min(2000, 250 * announcement.lease))
    this.#threads = [...Array.from({ length: host.worker.jobs - 1 }, () => new TrialThread()), thread]
  }

  async #start(): Promise<void> {
    const { Worker } = await bullmq()
    const { server, worker } = this.#host
    const { run, lease } = this.announcement
    await server.subscribe(channels.toWorkers(run), (text) => {
      if (this.#questions.heard(text) !== 'over' || this.#isOver) return
      this.#isOver = true
      this.#ended()
    })
    const { name, options } = queueOf(run, server)
    this.#worker = new Worker(name, (job) => this.#deliver(job), {
      ...options,
      concurrency: worker.jobs,
      lockDuration: lease * 1000,
      stalledInterval: lease * 500,
      // The coordinator counts.
      maxStalledCount: 1_000_000,
    })
    // The connection tells what happens to it, and the coordinator who has lost a lease.
    this.#worker.on('error', () => {})
  }

  /** Gives back what it has, and takes nothing more. */
  async leave(): Promise<void> {
    const closing = this.#worker?.close()
    this.#leaving.abort()
    let timer: NodeJS.Timeout | undefined
    // Without a server nothing can be given back: the leases will end.
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, 3000)))
    await Promise.race([closing, late])
    clearTimeout(timer)
    await this.#worker?.close(true).catch(() => {})
    await Promise.all(this.#threads.map((thread) => thread.close()))
    await this.#host.server.unsubscribe(channels.toWorkers(this.announcement.run)).catch(() => {})
  }

  async #deliver(bull: QueuedJob): Promise<void> {
    const { tell, folder } = this.#host
    const job = readJob(bull.data)
    if (!job) return tell({ event: 'ignored' }, 'the queue has something that is no trial')
    const { task } = job
    const delivery = randomUUID()
    const own = join(folder, delivery)
    const thread = this.#threads.pop()!
    const drop = new AbortController()
    try {
      const says = await this.#questions.ask(
        { kind: 'start', worker: this.#host.worker.id, task, delivery },
        this.#leaving.signal,
      )
      if (says !== 'go') return
      tell({ event: 'start', task }, `${task} starts`)
      const outcome = await this.#trained(job, delivery, thread, own, drop)
      if (drop.signal.aborted) return tell({ event: 'dropped', task }, `${task} is somebody else's now`)
      const parcels = outcome.state === 'complete' ? await parcelsIn(own) : []
      await this.#hand(task, delivery, outcome, parcels)
    } catch (error) {
      if (!(error instanceof Withdrawn)) throw error
      if (!this.#isOver) await this.#giveBack(bull, task, delivery)
    } finally {
      this.#threads.push(thread)
      rmSync(own, { recursive: true, force: true })
    }
  }

  async #trained(job: Job, delivery: string, thread: TrialThread, folder: string, drop: AbortController) {
    const { task: name, point, scoresTest, seed } = job
    const { objectives, maxSize } = this.announcement
    const { config, flags, moved } = this.#source
    const task: Task = {
      ...{ name, point, scoresTest, folder, objectives, maxSize, config },
      flags: { ...flags, ...(seed !== undefined && { seed }) },
      ...(moved && { moved }),
    }
    const stop = (): void => void thread.close()
    this.#leaving.signal.addEventListener('abort', stop)
    try {
      const outcome = await thread.run(task, async (epoch, value, epochs) => {
        this.#host.tell(
          { event: 'epoch', task: name, epoch, value },
          `${name}: epoch ${epoch + 1}, ${valueText(objectives[0]!, value)}`,
        )
        const says = await this.#questions.ask(
          { kind: 'epoch', task: name, delivery, epoch, value, epochs: Number.isFinite(epochs) ? epochs : null },
          this.#leaving.signal,
        )
        if (says === 'drop') {
          drop.abort()
          stop()
        }
        return says === 'stop'
      })
      if (this.#leaving.signal.aborted) throw new Withdrawn()
      return outcome
    } finally {
      this.#leaving.signal.removeEventListener('abort', stop)
    }
  }

  async #hand(task: string, delivery: string, outcome: Outcome, parcels: readonly Parcel[]): Promise<void> {
    const { server, tell } = this.#host
    const files = parcels.map(({ name, bytes, sha256 }) => ({ name, bytes, sha256 }))
    const says = await this.#questions.ask(
      { kind: 'end', task, delivery, outcome: sendable(outcome), files },
      this.#leaving.signal,
      () => sendFiles(server, this.announcement.run, delivery, parcels),
    )
    const reason = 'reason' in outcome ? `: ${outcome.reason}` : ''
    if (says === 'go') tell({ event: 'end', task, ...outcome }, `${task} is done, ${outcome.state}${reason}`)
    else tell({ event: 'unused', task }, `${task}: what it came to is not used${reason}`)
  }

  async #giveBack(bull: QueuedJob, task: string, delivery: string): Promise<never> {
    const { WaitingError } = await bullmq()
    const { server, tell } = this.#host
    const { run } = this.announcement
    await server.publish(channels.toCoordinator(run), { kind: 'back', task, delivery, ask: 0 })
    await bull.moveToWait(bull.token)
    tell({ event: 'back', task }, `${task} is given back`)
    throw new WaitingError()
  }
}

const mostReason = 4000

const sendable = (outcome: Outcome): Outcome =>
  'reason' in outcome ? { ...outcome, reason: outcome.reason.slice(0, mostReason) } : outcome
