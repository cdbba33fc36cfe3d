export interface Worker {
  readonly name: string
  /** Trials that it takes at a time. */
  readonly jobs: number
  /** Why it takes none. */
  readonly refusal: string | undefined
}

interface Member extends Worker {
  readonly since: number
  /** When it last gave a sign. */
  seen: number
  /** Whether its jobs add to those of the others. */
  counts: boolean
}

/** Who writes to the server could name workers without end. */
const most = 10_000

/**
 * The workers that are there. One that was killed is taken to be there until its lease ends. So that what comes in its place is not one
 * more, a newcomer counts only when all that came before it have given a sign since.
 */
export class Crew {
  readonly #members = new Map<string, Member>()

  get size(): number {
    return this.#members.size
  }

  /** Of those that take trials. */
  get able(): number {
    return this.#able().length
  }

  /** Trials that all take together. */
  get jobs(): number {
    return this.#able().reduce((sum, { jobs, counts }) => sum + (counts ? jobs : 0), 0)
  }

  has(id: string): boolean {
    return this.#members.has(id)
  }

  get(id: string): Worker | undefined {
    return this.#members.get(id)
  }

  [Symbol.iterator](): IterableIterator<[string, Worker]> {
    return this.#members.entries()
  }

  /** Notes a sign of a worker. Whether it is new, or says something new. */
  greet(id: string, { name, jobs, refusal }: Worker): boolean {
    const now = performance.now()
    const known = this.#members.get(id)
    if (known?.jobs === jobs && known.refusal === refusal) {
      known.seen = now
      return false
    }
    if (!known && this.size >= most) return false
    const { since = now, counts = false } = known ?? {}
    this.#members.set(id, { name, jobs, refusal, since, seen: now, counts })
    return true
  }

  forget(id: string): void {
    this.#members.delete(id)
  }

  /** Those that gave no sign for so many seconds. */
  silent(seconds: number): string[] {
    const before = performance.now() - seconds * 1000
    return [...this.#members].flatMap(([id, { seen }]) => (seen < before ? [id] : []))
  }

  /** Lets newcomers count. Whether there was one. */
  settle(): boolean {
    const able = this.#able()
    const fresh = able.filter(
      (one) => !one.counts && able.every((other) => other.since >= one.since || other.seen > one.since),
    )
    for (const member of fresh) member.counts = true
    return fresh.length > 0
  }

  #able(): Member[] {
    return [...this.#members.values()].filter(({ refusal }) => refusal === undefined)
  }
}
