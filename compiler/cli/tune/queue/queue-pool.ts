import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  Leases,
  Server,
  bullmq,
  channels,
  queueOf,
  readWorkerMessage,
  type Announcement,
  type Job,
  type Question,
  type Queue,
  type Says,
  type WorkerMessage,
} from '../../../tune/queue/index.ts'
import { Crew } from './crew.ts'
import { formatTable } from '../../format.ts'
import type { Judge, Pool, Running } from '../pool.ts'
import type { Outcome, Task } from '../task.ts'
import { takeFiles } from './files.ts'

export interface QueueOptions {
  readonly server: Server
  /** What workers are told of the search; who it is follows from `output`. */
  readonly search: Omit<Announcement, 'study' | 'run'>
  /** The folder of the search. */
  readonly output: string
  /** Most trials at the same time. */
  readonly most: number
  readonly say: (line: string) => void
}

interface OpenTask {
  readonly task: Task
  readonly judge: Judge
  readonly settle: (outcome: Outcome) => void
  readonly fail: (error: unknown) => void
  /** Epochs that were heard of. */
  epochs: number
  stops: boolean
}

/** Deliveries of one task in a row that came to nothing, after which the fault is taken to be its own. */
const mostLost = 10
/** What a coordinator left that was never gone on with is removed after so long. */
const forgottenAfter = 24 * 60 * 60 * 1000
const runsKey = 'attar:runs'
/** Workers that are there need as long to look at their data. */
const patience = 5000
/** Workers that a table shows. */
const mostRows = 12

/**
 * Workers on a queue, as a pool. The queue hands out tasks, at least once each; which of the deliveries counts is decided here, and what one
 * came to is told here before it leaves the queue. So a server that forgets the last second, or all, costs time alone.
 */
export class QueuePool implements Pool {
  readonly #options: QueueOptions
  readonly #announcement: Announcement
  readonly #queue: Queue
  readonly #leases = new Leases()
  readonly #open = new Map<string, OpenTask>()
  readonly #workers = new Crew()
  /** Deliveries whose result is being taken. */
  readonly #taking = new Set<string>()
  #wake: (() => void)[] = []
  #beat: NodeJS.Timeout | undefined
  #closed: Promise<void> | undefined
  readonly #openedAt = performance.now()
  /** What was said of there being nobody. */
  #alone: string | undefined
  #isPuzzled = false

  static async open(options: QueueOptions): Promise<QueuePool> {
    const { Queue } = await bullmq()
    const { server, search, output } = options
    const announcement: Announcement = { ...search, study: await studyOf(output), run: randomUUID() }
    await removeOthers(announcement.study, server)
    const { name, options: connection } = queueOf(announcement.run, server)
    const queue = new Queue(name, connection)
    // The connection tells what happens to it.
    queue.on('error', () => {})
    const pool = new QueuePool(options, announcement, queue)
    await server.subscribe(channels.toCoordinator(announcement.run), (text) => pool.#heard(text))
    await server.subscribe(channels.newcomers, () => void pool.#announce())
    await pool.#tick()
    pool.#beat = setInterval(() => void pool.#tick(), beatOf(announcement))
    return pool
  }

  private constructor(options: QueueOptions, announcement: Announcement, queue: Queue) {
    this.#options = options
    this.#announcement = announcement
    this.#queue = queue
  }

  get capacity(): number {
    // When all is over, who waits for room is to see that.
    if (this.#closed) return Infinity
    return Math.min(this.#options.most, this.#workers.jobs)
  }

  changed(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve))
  }

  /** A row for each worker, and one for what waits. */
  table(running: readonly Running[]): readonly string[] {
    const of = (worker: string): string =>
      running
        .filter(({ name }) => this.#leases.holder(name)?.worker === worker)
        .map(({ text }) => text)
        .join(', ')
    const rows = [...this.#workers].map(([id, { name, refusal }]) => [
      name,
      of(id) || (refusal === undefined ? 'has nothing to do' : 'takes no trials'),
    ])
    const waiting = running.filter(({ name }) => !this.#workers.has(this.#leases.holder(name)?.worker ?? ''))
    return formatTable(
      [
        ...rows.slice(0, mostRows),
        ...(rows.length > mostRows ? [['', `and ${rows.length - mostRows} more workers`]] : []),
        ...(waiting.length > 0 ? [['no worker yet', waiting.map(({ text }) => text).join(', ')]] : []),
      ],
      [1],
    )
  }

  run(task: Task, judge: Judge): Promise<Outcome> {
    return new Promise((settle, fail) => {
      this.#leases.open(task.name)
      this.#open.set(task.name, { task, judge, settle, fail, epochs: 0, stops: false })
      void this.#enqueue(task)
    })
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#end())
  }

  #changed(): void {
    const waiting = this.#wake
    this.#wake = []
    waiting.forEach((resolve) => resolve())
  }

  async #announce(): Promise<void> {
    await this.#options.server.publish(channels.announcements, this.#announcement)
  }

  /** What is done again and again: being there, looking who else is, and seeing to it that no task was forgotten. */
  async #tick(): Promise<void> {
    const { server, say } = this.#options
    const { study, run, lease } = this.#announcement
    if (!server.isConnected || this.#closed) return
    for (const id of this.#workers.silent(lease)) {
      const { name } = this.#workers.get(id)!
      this.#forget(id)
      say(`worker ${name} is gone`)
    }
    try {
      await server.redis.zadd(runsKey, Date.now(), `${study}:${run}`)
      await this.#announce()
      // A task that nobody has may be lost; one that is in the queue is not added again.
      for (const { task } of this.#open.values())
        if (!this.#workers.has(this.#leases.holder(task.name)?.worker ?? '')) await this.#enqueue(task)
    } catch (error) {
      if (server.isConnected) say(`the queue: ${error instanceof Error ? error.message : String(error)}`)
    }
    this.#tellAlone()
  }

  /** Says, when that changes, that there is nobody who takes trials. */
  #tellAlone(): void {
    const { server, say } = this.#options
    const isAlone = this.#workers.able === 0
    if (performance.now() - this.#openedAt < patience) return
    const others = this.#workers.size > 0 ? 'no worker that is connected can take trials' : 'no worker is connected'
    if (isAlone && this.#alone !== others)
      say(`${others}: start one with attar worker ${server.url} ${this.#announcement.config.name}`)
    this.#alone = isAlone ? others : undefined
  }

  async #enqueue({ name, point, scoresTest, flags: { seed } }: Task): Promise<void> {
    if (!this.#options.server.isConnected || this.#closed) return
    const job: Job = { task: name, point, scoresTest, ...(seed !== undefined && { seed }) }
    try {
      await this.#queue.add('task', job, {
        jobId: name.replaceAll('/', '-'),
        removeOnComplete: true,
        removeOnFail: true,
      })
    } catch {
      // It is tried again at the next beat.
    }
  }

  #forget(id: string): void {
    this.#workers.forget(id)
    this.#workers.settle()
    for (const name of this.#leases.heldBy(id)) this.#options.say(`${name} waits for another worker`)
    this.#changed()
  }

  #heard(text: string): void {
    if (this.#closed) return
    const message = readWorkerMessage(text)
    if (!message) {
      if (!this.#isPuzzled) this.#options.say('something came by way of the server that no worker says: it is ignored')
      this.#isPuzzled = true
      return
    }
    if (message.kind === 'hello') this.#greet(message)
    else if (message.kind === 'bye') {
      const known = this.#workers.get(message.worker)
      if (!known) return
      this.#forget(message.worker)
      this.#options.say(`worker ${known.name} has left`)
      this.#tellAlone()
    } else void this.#answer(message)
  }

  #greet({ worker, name, jobs, refusal }: Extract<WorkerMessage, { kind: 'hello' }>): void {
    const { say } = this.#options
    const isNew = this.#workers.greet(worker, { name, jobs, refusal })
    const count = this.#workers.settle()
    if (isNew && refusal !== undefined) say(`worker ${name} takes no trials: ${refusal}`)
    else if (isNew) say(`worker ${name} is connected, ${jobs} ${jobs === 1 ? 'trial' : 'trials'} at a time`)
    if (isNew || count) this.#changed()
    if (isNew) this.#tellAlone()
  }

  async #answer(question: Question): Promise<void> {
    const { delivery, ask, task } = question
    const open = this.#open.get(task)
    let says: Says | undefined = 'drop'
    try {
      if (open) says = await this.#judged(question, open)
    } catch (error) {
      open?.fail(error)
    }
    if (says === undefined) return
    await this.#options.server
      .publish(channels.toWorkers(this.#announcement.run), { kind: 'answer', delivery, ask, says })
      .catch(() => {}) // It is asked again.
  }

  /** Undefined where the question is still being answered. */
  async #judged(question: Question, open: OpenTask): Promise<Says | undefined> {
    const { task, delivery } = question
    if (question.kind === 'start') {
      const counts = this.#leases.begin(task, { worker: question.worker, delivery })
      this.#changed()
      if (counts && this.#isHopeless(task, open)) return 'drop'
      return counts ? 'go' : 'drop'
    }
    if (!this.#leases.counts(task, delivery)) return 'drop'
    if (question.kind === 'back') {
      this.#leases.release(task, delivery, false)
      return 'drop'
    }
    if (question.kind === 'end') return this.#ended(question, open)
    const { epoch, value, epochs } = question
    // One that was left out can only be a mistake.
    if (epoch > open.epochs) return this.#spoiled(task, delivery, open, 'it left out an epoch')
    open.stops = await open.judge(epoch, value, epochs ?? Infinity)
    if (epoch === open.epochs) {
      open.epochs++
      this.#leases.advanced(task)
    }
    return open.stops ? 'stop' : 'go'
  }

  async #ended(
    { task, delivery, outcome, files }: Extract<Question, { kind: 'end' }>,
    open: OpenTask,
  ): Promise<Says | undefined> {
    const spoiled = (why: string): Says => this.#spoiled(task, delivery, open, why)
    if (outcome.state === 'failed' && outcome.isMachines) return spoiled(outcome.reason)
    if (outcome.state === 'stopped' && !open.stops) return spoiled('it stopped, which nobody had said')
    if (outcome.state === 'complete') {
      if (outcome.values.length !== open.task.objectives.length) return spoiled('its result has other objectives')
      if (this.#taking.has(delivery)) return undefined
      this.#taking.add(delivery)
      try {
        // What does not come whole may come the next time.
        const isTaken = await takeFiles(this.#options.server, this.#announcement.run, delivery, files, open.task)
        if (!isTaken || !this.#leases.counts(task, delivery)) return undefined
      } finally {
        this.#taking.delete(delivery)
      }
    }
    this.#settle(open, outcome as Outcome)
    return 'go'
  }

  #spoiled(task: string, delivery: string, open: OpenTask, why: string): Says {
    const worker = this.#leases.holder(task)?.worker ?? ''
    this.#options.say(`${task} came to nothing on ${this.#workers.get(worker)?.name ?? 'a worker'}: ${why}`)
    this.#leases.release(task, delivery, true)
    this.#isHopeless(task, open, why)
    return 'drop'
  }

  /** Ends a task that nobody could bring to an end. */
  #isHopeless(task: string, open: OpenTask, last = 'they were gone before it came to an end'): boolean {
    const lost = this.#leases.lost(task)
    if (lost < mostLost) return false
    this.#settle(open, { state: 'failed', reason: `${lost} workers tried it in vain: ${last}` })
    return true
  }

  #settle({ task: { name }, settle }: OpenTask, outcome: Outcome): void {
    this.#open.delete(name)
    this.#leases.close(name)
    settle(outcome)
  }

  async #end(): Promise<void> {
    const { server } = this.#options
    const { study, run } = this.#announcement
    clearInterval(this.#beat)
    this.#changed()
    for (const open of [...this.#open.values()]) this.#settle(open, { state: 'failed', reason: 'the search ended' })
    if (server.isConnected) {
      try {
        await server.publish(channels.toWorkers(run), { kind: 'over' })
        await this.#queue.obliterate({ force: true })
        await server.redis.zrem(runsKey, `${study}:${run}`)
      } catch {
        // The next one to go on with the search removes what is left.
      }
    }
    await this.#queue.close().catch(() => {})
    server.close()
  }
}

const beatOf = ({ lease }: Announcement): number => Math.min(2000, 200 * lease)

/** What a search is known by on a server, wherever its folder is moved. */
async function studyOf(output: string): Promise<string> {
  const { readFile, writeFiles } = await import('../../../data/index.ts')
  const path = join(output, 'study.id')
  if (existsSync(path)) {
    const id = new TextDecoder().decode(readFile(path)).trim()
    if (/^[\w-]{1,64}$/.test(id)) return id
  }
  const id = randomUUID()
  writeFiles(output, { 'study.id': `${id}\n` })
  return id
}

/** Removes queues of earlier runs of this search, whose coordinator was killed, and those that were forgotten long ago. */
async function removeOthers(study: string, server: Server): Promise<void> {
  const { Queue } = await bullmq()
  const found = await server.redis.zrange(runsKey, '0', '-1', 'WITHSCORES')
  for (let i = 0; i + 1 < found.length; i += 2) {
    const [member, time] = [found[i]!, Number(found[i + 1])]
    const [other, run] = member.split(':')
    if (run === undefined || !/^[\w-]{1,64}$/.test(run)) continue
    if (other !== study && Date.now() - time < forgottenAfter) continue
    await server.publish(channels.toWorkers(run), { kind: 'over' })
    const { name, options } = queueOf(run, server)
    const queue = new Queue(name, options)
    queue.on('error', () => {})
    await queue.obliterate({ force: true })
    await queue.close()
    await server.redis.zrem(runsKey, member)
  }
}
