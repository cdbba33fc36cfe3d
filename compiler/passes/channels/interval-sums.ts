import { isBigInt, isFloat, type DType } from '../../core/scalar/dtype.ts'
import { rangeOf, type Interval } from '../../core/scalar/interval.ts'

/** The intervals of sums, each term of which is a weight times what lies in one of the intervals. */
export class IntervalSums {
  private readonly low: Float64Array
  private readonly high: Float64Array
  private readonly terms: Uint32Array
  /** Sums of the terms' least and greatest values, and of the magnitudes of these. */
  private readonly ends: readonly [Float64Array, Float64Array]
  private readonly magnitudes: readonly [Float64Array, Float64Array]

  constructor(count: number, intervals: readonly Interval[]) {
    this.low = Float64Array.from(intervals, (i) => i.low)
    this.high = Float64Array.from(intervals, (i) => i.high)
    this.terms = new Uint32Array(count)
    this.ends = [new Float64Array(count), new Float64Array(count)]
    this.magnitudes = [new Float64Array(count), new Float64Array(count)]
  }

  add(sum: number, w: number, interval: number, count = 1): void {
    const least = this.low[interval]!
    const most = this.high[interval]!
    const low = (w > 0 ? w * least : w * most) * count
    const high = (w > 0 ? w * most : w * least) * count
    this.terms[sum]! += count
    this.ends[0][sum]! += low
    this.ends[1][sum]! += high
    this.magnitudes[0][sum]! += Math.abs(low)
    this.magnitudes[1][sum]! += Math.abs(high)
  }

  interval(sum: number, dtype: DType): Interval {
    const [low, high] = this.ends.map((end) => end[sum]!) as [number, number]
    if (!isFloat(dtype)) {
      const all = rangeOf(dtype)
      const fits = low >= all.low && high <= all.high && !isBigInt(dtype)
      return fits ? { low, high, finite: true } : all
    }
    // Rounding keeps the order of sums, and each addition is off by half a unit of what it adds up to.
    const margin = (this.terms[sum]! + 1) * (dtype === 'f16' || dtype === 'bf16' ? 2 ** -7 : 2 ** -23)
    const end = (at: number, size: number, sign: number): number =>
      size < Infinity ? at + sign * size * margin : sign * Infinity
    return { low: end(low, this.magnitudes[0][sum]!, -1), high: end(high, this.magnitudes[1][sum]!, 1), finite: true }
  }
}
