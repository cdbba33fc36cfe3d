/** A task in the hands of a worker. */
export interface Holder {
  readonly worker: string
  readonly delivery: string
}

interface Lease {
  /** Deliveries that began, in their order: the place of one is its fencing token, and the last one counts. */
  readonly deliveries: string[]
  holder: Holder | undefined
  /** Deliveries since the task last went on, none of which came to an end. */
  lost: number
}

/**
 * Who may speak for which task. The queue delivers a task at least once: again where its worker is taken to be gone, which it may not be.
 * What counts is the delivery that began last; an older one is told to drop the task (fencing: Kleppmann, "Designing Data-Intensive
 * Applications", 2017, ch. 8).
 */
export class Leases {
  readonly #leases = new Map<string, Lease>()

  open(task: string): void {
    this.#leases.set(task, { deliveries: [], holder: undefined, lost: 0 })
  }

  /** The task is done: nobody speaks for it from now on. */
  close(task: string): void {
    this.#leases.delete(task)
  }

  /** A delivery begins; whether it counts. One that is asked about again is answered as before, unless a newer one began. */
  begin(task: string, holder: Holder): boolean {
    const lease = this.#leases.get(task)
    if (!lease) return false
    const { deliveries } = lease
    if (deliveries.includes(holder.delivery)) return this.counts(task, holder.delivery)
    if (lease.holder) lease.lost++
    deliveries.push(holder.delivery)
    lease.holder = holder
    return true
  }

  counts(task: string, delivery: string): boolean {
    return this.#leases.get(task)?.holder?.delivery === delivery
  }

  /** The task has gone on further than it ever had. */
  advanced(task: string): void {
    const lease = this.#leases.get(task)
    if (lease) lease.lost = 0
  }

  /** Its delivery comes to nothing: it was given back, which is nobody's fault, or spoiled. */
  release(task: string, delivery: string, isSpoiled: boolean): void {
    const lease = this.#leases.get(task)
    if (!lease || !this.counts(task, delivery)) return
    lease.holder = undefined
    if (isSpoiled) lease.lost++
  }

  holder(task: string): Holder | undefined {
    return this.#leases.get(task)?.holder
  }

  lost(task: string): number {
    return this.#leases.get(task)?.lost ?? 0
  }

  /** Tasks that a worker has. */
  heldBy(worker: string): readonly string[] {
    return [...this.#leases].flatMap(([task, { holder }]) => (holder?.worker === worker ? [task] : []))
  }
}
