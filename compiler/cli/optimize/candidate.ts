import type { Budget, Settings } from '../../config/schema.ts'
import type { Accuracy, Compiled, Imported, PruningReport, QuantizationReport } from '../../index.ts'
import type { Epoch } from '../../train/index.ts'
import type { StudentReport } from '../../compress/student/index.ts'
import { formatCount } from '../format.ts'
import type { Quantization } from '../train/module-bytes.ts'
import type { Answers } from './judge.ts'

/** A training that led to a model. */
export interface Training {
  /** What `attar train` did: its configuration. */
  readonly settings: Settings
  readonly history: readonly Epoch[]
  readonly pruning?: PruningReport
  readonly student?: StudentReport
}

/** A model that was tried, before it is known what it costs. */
export interface Made {
  readonly name: string
  /** What was done to the first model, for a person. */
  readonly how: string
  /** What is compiled. */
  readonly source: Imported & { readonly quantization?: QuantizationReport }
  /** How it was quantized without training. */
  readonly form?: Quantization
  /** The model in floats that it was quantized from. */
  readonly float: string
  readonly trainings: readonly Training[]
  /** What it is compared with: never handed over. */
  readonly isControl?: boolean
}

/** The same with what it costs and what it is worth. */
export interface Candidate extends Made {
  readonly module: Compiled
  /** Of the larger module. */
  readonly bytes: number
  readonly ms: number
  readonly accuracy: Accuracy
  readonly answers: Answers
  /** How many times it is over each limit that it does not keep. */
  readonly over: Readonly<Partial<Record<keyof Limits, number>>>
}

type Limits = Pick<Budget, 'size' | 'latency' | 'drop'>

/** A drop of accuracy below this share is no more than one of this. */
const finestDrop = 0.001

/** By how much limits are exceeded, as ratios above 1. */
export function exceeded(
  { size, latency, drop }: Limits,
  { bytes, ms, accuracy }: Pick<Candidate, 'bytes' | 'ms' | 'accuracy'>,
): Candidate['over'] {
  const ratios = {
    size: size === undefined ? 0 : bytes / size,
    latency: latency === undefined ? 0 : ms / latency,
    // Differences of shares are never quite what they should be.
    drop: accuracy.drop <= drop + 1e-9 ? 0 : Math.max(accuracy.drop, finestDrop) / Math.max(drop, finestDrop),
  }
  return Object.fromEntries(Object.entries(ratios).filter(([, ratio]) => ratio > 1))
}

export const isWithin = ({ over, isControl }: Candidate): boolean => !isControl && Object.keys(over).length === 0

/** The worst of the limits that are not kept; 1 where all are. */
const farthest = ({ over }: Candidate): number => Math.max(1, ...Object.values(over))

/**
 * The best trade-off: of those within the budget the most accurate, then the smallest; else the one whose worst limit is exceeded
 * least.
 */
export function bestOf(candidates: readonly Candidate[]): Candidate {
  const own = candidates.filter(({ isControl }) => !isControl)
  return own.reduce((best, next) => {
    const [a, b] = [farthest(best), farthest(next)]
    if (a !== b) return b < a ? next : best
    const [x, y] = [best.accuracy.drop, next.accuracy.drop]
    if (x !== y) return y < x ? next : best
    return next.bytes < best.bytes ? next : best
  })
}

/** Those that no other beats in bytes, time and accuracy together, from small to large. */
export function frontOf(candidates: readonly Candidate[]): Candidate[] {
  const own = candidates.filter(({ isControl }) => !isControl)
  const isBeaten = (one: Candidate): boolean => own.some((other) => beats(other, one))
  return own.filter((one) => !isBeaten(one)).sort((a, b) => a.bytes - b.bytes)
}

/** At least as good in all three, and better in one. */
function beats(a: Candidate, b: Candidate): boolean {
  const [x, y] = [a, b].map(({ bytes, ms, accuracy }) => [bytes, ms, accuracy.drop]) as [number[], number[]]
  return x.every((value, i) => value <= y[i]!) && x.some((value, i) => value < y[i]!)
}

/** The limits that are not kept, for a person. */
export function missText({ over, bytes, ms, accuracy }: Candidate, limits: Limits): string[] {
  const texts: Record<keyof Limits, () => string> = {
    size: () => `${formatCount(bytes)} bytes, not ${formatCount(limits.size!)}`,
    latency: () => `${ms.toPrecision(3)} ms, not ${limits.latency!.toPrecision(3)}`,
    drop: () =>
      `${(100 * accuracy.drop).toFixed(2)} % of ${accuracy.metric} lost, not ${(100 * limits.drop).toFixed(2)}`,
  }
  return (Object.keys(over) as (keyof Limits)[]).map((limit) => texts[limit]())
}
