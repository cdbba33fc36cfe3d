import { bestOf, type Stopper } from './stopper.ts'

export interface PercentileOptions {
  /** Trials that do better than this share of the others go on. */
  readonly percentile: number
  /** Trials that have to be done before any is stopped. */
  readonly startup: number
  /** Epochs before any trial is stopped. */
  readonly warmup: number
}

/** The value below which a share of `sorted` lies, between neighbours in proportion. */
function percentileOf(sorted: readonly number[], percentile: number): number {
  const place = (percentile / 100) * (sorted.length - 1)
  const [low, high] = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!]
  return low === high ? low : low + (high - low) * (place - Math.floor(place))
}

/**
 * Stops a trial whose best value so far is worse than the percentile of what completed trials had reported after as many epochs (the
 * median rule of Golovin et al., "Google Vizier", 2017, for any percentile).
 */
export const percentileStopper =
  ({ percentile, startup, warmup }: PercentileOptions): Stopper =>
  ({ curve, completed }) => {
    if (completed.length < startup || curve.length <= warmup) return false
    const found = completed.filter((other) => other.length >= curve.length).map((other) => other[curve.length - 1]!)
    const known = found.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b)
    return known.length > 0 && !(bestOf(curve) <= percentileOf(known, percentile))
  }
