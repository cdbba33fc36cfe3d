import { limitMs, type Macs, type Peaks } from './arithmetic.ts'
import type { SystemName } from './peers/index.ts'
import type { Sizes } from './sizes.ts'
import { median, quantile } from './statistics.ts'
import type { PeerSamples, Samples, Start } from './task.ts'

/** What was measured where. */
export interface Place {
  readonly model: string
  readonly engine: string
  /** As the engine itself states it. */
  readonly version: string
}

/** One system on one engine. Times in milliseconds, sizes in bytes; of the cold starts, the median one. */
export interface Measurement extends Place, Start {
  readonly system: 'attar' | SystemName
  /** Of attar's modules, the one that ran; of a peer, its back end, where it has a choice. */
  readonly variant: string | null
  /** Of a warm run. */
  readonly medianMs: number
  readonly p95Ms: number
  readonly bestMs: number
  readonly samples: number
  /** A sample is the mean of so many runs, since the engine's clock is coarse. */
  readonly runsPerSample: number
  /** 10⁹ multiply-accumulates per second at the median, where the model's are known. */
  readonly gmacs: number | null
  /** The multiply-accumulates of attar's module by what does them there, where they are known. */
  readonly macs: Macs | null
  /** 10⁹ a second that loops in registers reach, measured in the same process: f32, and what else attar's module uses. */
  readonly peaks: Peaks
  /** The share of the median that `macs` would take at these peaks. */
  readonly ofPeak: number | null
  /** What a user downloads. */
  readonly bytes: Sizes
  /** WebAssembly memory, where it is known. */
  readonly peakBytes: number | null
  /** All samples, in milliseconds per run. */
  readonly sampleMs: readonly number[]
}

/** A peer's times over attar's: above 1 attar is faster. */
export interface Comparison extends Place {
  readonly variant: string | null
  readonly against: SystemName
  /** Of the medians. */
  readonly ratio: number
  /** Quartiles of the ratios of neighbouring samples. */
  readonly ratioQ1: number
  readonly ratioQ3: number
  /** Of the best samples, which other work on the machine disturbs least. */
  readonly bestRatio: number
  readonly coldStartRatio: number
  /** The largest difference of an output element from attar's; null where the outputs cannot be compared. */
  readonly difference: number | null
  /** Whether that is at most a hundredth of the largest output. */
  readonly agrees: boolean | null
}

/** Of the peers the one that took least time; undefined where there is no other to tell it from. */
export const fastestOf = (comparisons: readonly Comparison[]): Comparison | undefined =>
  comparisons.length < 2 ? undefined : comparisons.reduce((best, each) => (each.ratio < best.ratio ? each : best))

/** Quantized models may differ by a step or two of their scale. */
const tolerance = 0.01

type Work = Pick<Measurement, 'macs' | 'peaks'>

export function measurement(
  place: Place,
  { system, variant, bytes }: Pick<Measurement, 'system' | 'variant' | 'bytes'>,
  starts: readonly Start[],
  { ms, runsPerSample, memoryBytes }: Samples,
  { macs, peaks }: Work,
): Measurement {
  const medianMs = median(ms)
  return {
    ...place,
    system,
    variant,
    ...medianStart(starts),
    medianMs,
    p95Ms: quantile(ms, 0.95),
    bestMs: Math.min(...ms),
    samples: ms.length,
    runsPerSample,
    gmacs: macs && (macs.f32 + macs.i16 + macs.dot) / medianMs / 1e6,
    macs,
    peaks,
    ofPeak: macs && limitMs(macs, peaks) / medianMs,
    bytes,
    peakBytes: memoryBytes,
    sampleMs: ms,
  }
}

/** The one in the middle, so that its parts belong together; the quicker of two. */
function medianStart(starts: readonly Start[]): Start {
  const sorted = starts.toSorted((a, b) => a.coldStartMs - b.coldStartMs)
  return sorted[Math.floor((sorted.length - 1) / 2)]!
}

export function comparison(
  place: Place,
  against: SystemName,
  attar: Measurement,
  peer: Measurement,
  { difference, magnitude }: Pick<PeerSamples, 'difference' | 'magnitude'>,
): Comparison {
  // Samples of one index were taken in one turn.
  const ratios = peer.sampleMs.map((ms, i) => ms / attar.sampleMs[i]!)
  return {
    ...place,
    variant: attar.variant,
    against,
    ratio: peer.medianMs / attar.medianMs,
    ratioQ1: quantile(ratios, 0.25),
    ratioQ3: quantile(ratios, 0.75),
    bestRatio: peer.bestMs / attar.bestMs,
    coldStartRatio: peer.coldStartMs / attar.coldStartMs,
    difference,
    agrees: difference === null ? null : difference <= tolerance * magnitude,
  }
}
