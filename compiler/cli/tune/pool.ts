import type { Outcome, Task } from './task.ts'
import { TrialThread } from './trial-thread.ts'

/** Says whether a trial is to stop. */
export type Judge = (epoch: number, value: number, epochs: number) => boolean | Promise<boolean>

/** A task by its name, and how it goes. */
export interface Running {
  readonly name: string
  readonly text: string
}

/** Where trials run: in threads of this process, or on other machines. */
export interface Pool {
  /** Trials that it takes at the same time just now. */
  readonly capacity: number
  /** Resolves when that, or who does what, has changed. */
  changed(): Promise<void>
  /** What runs where, for people. */
  table(running: readonly Running[]): readonly string[]
  run(task: Task, judge: Judge): Promise<Outcome>
  /** Ends what runs. */
  close(): Promise<void>
}

export class ThreadPool implements Pool {
  readonly capacity: number
  readonly #threads: readonly TrialThread[]
  readonly #free: TrialThread[]

  constructor(capacity: number) {
    this.capacity = capacity
    this.#threads = Array.from({ length: capacity }, () => new TrialThread())
    this.#free = [...this.#threads].reverse()
  }

  changed(): Promise<void> {
    return new Promise(() => {})
  }

  table(running: readonly Running[]): readonly string[] {
    return [running.map(({ text }) => text).join('  ')]
  }

  async run(task: Task, judge: Judge): Promise<Outcome> {
    const thread = this.#free.pop()!
    try {
      return await thread.run(task, judge)
    } finally {
      this.#free.push(thread)
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()))
  }
}

/** Does `work` with what `next` gives, as much at a time as the pool takes, until there is nothing left. */
export async function throughPool<T>(
  pool: Pool,
  next: () => T | undefined,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>()
  for (;;) {
    if (running.size >= pool.capacity) {
      await Promise.race([...running, pool.changed()])
      continue
    }
    const item = next()
    if (item === undefined) break
    const one = work(item).finally(() => running.delete(one))
    running.add(one)
  }
  await Promise.all(running)
}
