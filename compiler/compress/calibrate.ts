/** Observes the values of a graph on samples: ranges, histograms and a seeded choice of the elements themselves. */
import type { Executor } from '../core/executor.ts'
import type { Graph, Value } from '../core/graph.ts'
import { uniform } from '../core/random/random.ts'
import { typeBytes, type Tensor } from '../core/tensor.ts'

export type Sample = Readonly<Record<string, Tensor>>

/** Called with what has been done of how much. */
export type Progress = (step: string, done: number, of: number) => void

export const bins = 2048
/** Elements kept of each value, over all samples. */
const keptElements = 1 << 15
/** Memory of the values that one module hands out at once. */
const outputBytes = 1 << 28

/** Counts over equal bins, whose range doubles until it takes in every element. */
export class Histogram {
  low = 0
  high = 0
  counts = new Float64Array(bins)

  /** Counts those that are finite. */
  add(values: ArrayLike<number>): void {
    let { low, high, counts } = this
    for (let i = 0; i < values.length; i++) {
      const x = values[i]!
      if (!(x >= low && x < high)) {
        if (!Number.isFinite(x)) continue
        this.widen(x)
        ;({ low, high, counts } = this)
      }
      const bin = (((x - low) / (high - low)) * bins) | 0
      counts[bin < bins ? bin : bins - 1]!++
    }
  }

  /** Doubles the range until it takes in `x`. */
  private widen(x: number): void {
    if (this.high === this.low) {
      const width = Math.max(Math.abs(x), 1e-20)
      ;[this.low, this.high] = [x - width, x + width]
    }
    while (x < this.low) this.double(true)
    while (x >= this.high) this.double(false)
  }

  private double(down: boolean): void {
    const width = this.high - this.low
    const counts = new Float64Array(bins)
    const offset = down ? bins / 2 : 0
    for (let i = 0; i < bins; i += 2) counts[offset + i / 2] = this.counts[i]! + this.counts[i + 1]!
    this.counts = counts
    if (down) this.low -= width
    else this.high += width
  }

  /** The value that a share `p` of the elements does not exceed, to the width of a bin. */
  quantile(p: number): number {
    const total = this.counts.reduce((sum, n) => sum + n, 0)
    let below = 0
    for (let i = 0; i < bins; i++) {
      below += this.counts[i]!
      if (below >= p * total) return this.low + ((i + (p < 0.5 ? 0 : 1)) / bins) * (this.high - this.low)
    }
    return this.high
  }
}

/** What was seen of one value. */
export interface Observation {
  readonly min: number
  readonly max: number
  readonly histogram: Histogram
  /** Finite elements that were seen. */
  readonly count: number
  /** A choice of them, at least one of each sample. */
  readonly elements: Float64Array
  /** Elements that are NaN or infinite: no scale represents those. */
  readonly notFinite: number
}

class Observer {
  min = Infinity
  max = -Infinity
  notFinite = 0
  count = 0
  readonly histogram = new Histogram()
  readonly elements: number[] = []
  private readonly perSample: number

  constructor(samples: number) {
    this.perSample = Math.ceil(keptElements / Math.max(1, samples))
  }

  see(data: ArrayLike<number>, next: () => number): void {
    let { min, max } = this
    let finite = 0
    for (let i = 0; i < data.length; i++) {
      const x = data[i]!
      if (!Number.isFinite(x)) continue
      finite++
      if (x < min) min = x
      if (x > max) max = x
    }
    this.min = min
    this.max = max
    this.count += finite
    this.notFinite += data.length - finite
    this.histogram.add(data)
    const all = data.length <= this.perSample
    const count = all ? data.length : this.perSample
    for (let i = 0; i < count; i++) {
      const x = data[all ? i : Math.floor(next() * data.length)]!
      if (Number.isFinite(x)) this.elements.push(x)
    }
  }

  result(): Observation {
    const seen = this.min <= this.max
    const { histogram, notFinite, count, elements } = this
    return {
      ...{ histogram, notFinite, count },
      min: seen ? this.min : 0,
      max: seen ? this.max : 0,
      elements: Float64Array.from(elements),
    }
  }
}

/** Values in groups that one module can hand out. */
function inPortions(values: readonly Value[]): Value[][] {
  const portions: Value[][] = []
  let room = 0
  for (const value of values) {
    const bytes = typeBytes(value.type)
    if (portions.length === 0 || bytes > room) {
      portions.push([])
      room = outputBytes
    }
    portions.at(-1)!.push(value)
    room -= bytes
  }
  return portions
}

/** What `values` of `graph` (all of f32) are on the samples. */
export async function observe(
  graph: Graph,
  values: readonly Value[],
  samples: readonly Sample[],
  executor: Executor,
  seed: number,
  progress: Progress,
): Promise<Map<Value, Observation>> {
  const next = uniform(seed)
  const found = new Map<Value, Observation>()
  for (const value of values.filter((v) => v.node.op === 'constant')) {
    const observer = new Observer(1)
    if (value.node.op === 'constant') observer.see(value.node.attrs.value.data as Float32Array, next)
    found.set(value, observer.result())
  }
  const portions = inPortions(values.filter((v) => v.node.op !== 'constant'))
  for (const [p, portion] of portions.entries()) {
    const outputs = portion.map((value, i) => ({ name: `v${i}`, value }))
    const run = await executor.prepare({ inputs: graph.inputs, outputs })
    const observers = portion.map(() => new Observer(samples.length))
    for (const [s, sample] of samples.entries()) {
      progress('calibrating', p * samples.length + s, portions.length * samples.length)
      const results = run(sample)
      for (const [i, observer] of observers.entries()) observer.see(results[`v${i}`]!.data as Float32Array, next)
    }
    portion.forEach((value, i) => found.set(value, observers[i]!.result()))
  }
  return found
}
