import { fail } from './diagnostic.ts'

/** What is counted of the work of compiling a model. */
export interface Amounts {
  /** Scalar operations of evaluating what depends on constants alone, and bytes of its tensors. */
  readonly operations: number
  readonly bytes: number
  /** Nodes of the core graph, and bytes of constants and lists that operators make while a model is imported. */
  readonly nodes: number
  readonly tables: number
}

/**
 * What a model of `size` bytes may take: a floor, since a few bytes may well ask for a table of some size, and a multiple of
 * what the model brings.
 */
export const allowance = (size: number): Amounts => ({
  operations: 2 ** 24 + 2 ** 6 * size,
  bytes: 2 ** 24 + 2 ** 6 * size,
  nodes: 2 ** 20 + 2 ** 4 * size,
  tables: 2 ** 26 + 2 ** 6 * size,
})

/** The same for a graph that is compiled: its nodes and constants have been counted, and passes make few. */
export const foldingAllowance = (size: number): Amounts => ({ ...allowance(size), nodes: Infinity, tables: Infinity })

const units = { nodes: 'operations', tables: 'bytes of constants' } as const

/** Counts what is done for one model at compile time, so that no more is begun than its size allows. */
export class Budget {
  private readonly allowed: (size: number) => Amounts
  private size: number
  private refused = false
  private readonly counts = { operations: 0, bytes: 0, nodes: 0, tables: 0 }

  /** `size` is that of the model in bytes. */
  constructor(size: number, allowed = allowance) {
    this.size = size
    this.allowed = allowed
  }

  get limits(): Amounts {
    return this.allowed(this.size)
  }

  get spent(): Amounts {
    return this.counts
  }

  /** Whether `spend` has refused something: what follows cannot succeed. */
  get exhausted(): boolean {
    return this.refused
  }

  /** The model turns out to be larger by so many bytes, such as a file beside it. */
  grow(size: number): void {
    this.size += size
  }

  /** Takes what it costs to evaluate something if that is left; else it stays to be computed when the model runs. */
  affords(cost: Pick<Amounts, 'operations' | 'bytes'>): boolean {
    const { counts, limits } = this
    const [operations, bytes] = [counts.operations + cost.operations, counts.bytes + cost.bytes]
    if (!(operations <= limits.operations && bytes <= limits.bytes)) return false
    counts.operations = operations
    counts.bytes = bytes
    return true
  }

  /** A301 where the amount is not left: there is no way around it. */
  spend(kind: keyof typeof units, amount: number): void {
    const { counts } = this
    counts[kind] += amount
    if (counts[kind] <= this.limits[kind]) return
    this.refused = true
    fail('A301', `the model becomes more than ${this.limits[kind]} ${units[kind]}, at ${counts[kind]} and counting`, {
      hint: `that is far more than its ${this.size} bytes let one expect: is a shape or a number of parts in it too large?`,
    })
  }
}

let current: Budget | undefined

/** The budget of the model that is being imported or compiled, if one is. */
export const currentBudget = (): Budget | undefined => current

/** Runs `body`, which must not wait for anything, with `budget` as the current one. */
export function within<T>(budget: Budget, body: () => T): T {
  const before = current
  current = budget
  try {
    return body()
  } finally {
    current = before
  }
}
