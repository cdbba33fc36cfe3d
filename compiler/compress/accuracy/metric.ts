import type { Graph, Port } from '../../core/graph.ts'
import type { Accuracy, Metric } from '../../core/artefact/quantization-report.ts'
import { uniform } from '../../core/random/random.ts'
import type { Shape } from '../../core/shape.ts'
import { toNumbers, type Tensor } from '../../core/tensor.ts'
import type { Run } from '../../core/executor.ts'
import type { Progress, Sample } from '../calibrate.ts'
import { decibels } from '../range.ts'

/** Samples on which accuracy is measured. */
export interface Validation {
  readonly samples: readonly Sample[]
  /** For each sample, its classes (one for each row of the output), or the values that the output should have. */
  readonly labels?: readonly (readonly number[])[] | undefined
}

/** For each sample, the elements of the measured output. */
export type Outputs = readonly (readonly number[])[]

/** The width of a row in which the largest element is looked for: the last dimension of a result that is not 1. */
export const outputWidth = (shape: Shape): number => shape.findLast((d) => d !== 1) ?? 1

/** What accuracy is measured on: the first output of floats whose size is fixed. */
export const measuredOutput = (graph: Graph): Port | undefined =>
  graph.outputs.find(({ value, extents }) => value.type.dtype === 'f32' && !extents)

/** The metric that suits outputs of this width. */
export function defaultMetric(width: number, hasLabels: boolean): Metric {
  if (width < 2) return 'mse'
  return hasLabels ? 'top1' : 'agreement'
}

export async function outputsOf(
  run: Run,
  output: string,
  samples: readonly Sample[],
  progress: Progress,
  step: string,
) {
  return samples.map((sample, i) => {
    progress(step, i, samples.length)
    return toNumbers(run(sample)[output] as Tensor)
  })
}

function largest(row: readonly number[], from: number, width: number): number {
  let best = 0
  for (let i = 1; i < width; i++) if (row[from + i]! > row[from + best]!) best = i
  return best
}

/** The places of the largest elements, one for each row. */
export function places(values: readonly number[], width: number): number[] {
  return Array.from({ length: values.length / width }, (_, row) => largest(values, row * width, width))
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / Math.max(1, values.length)

/** Share of the rows where two lists agree. */
const agreeing = (a: readonly number[], b: readonly number[]): number => mean(a.map((x, i) => (x === b[i] ? 1 : 0)))

/** Area under the ROC curve: the chance that a positive sample scores higher than a negative one, ties counted half. */
function areaUnderCurve(scores: readonly number[], positive: readonly boolean[], chosen: readonly number[]): number {
  const order = [...chosen].sort((i, j) => scores[i]! - scores[j]!)
  let [below, area, positives] = [0, 0, 0]
  for (let i = 0; i < order.length;) {
    let end = i
    let [p, n] = [0, 0]
    for (; end < order.length && scores[order[end]!] === scores[order[i]!]; end++) {
      if (positive[order[end]!]) p++
      else n++
    }
    area += p * (below + n / 2)
    below += n
    positives += p
    i = end
  }
  return positives > 0 && below > 0 ? area / (positives * below) : NaN
}

/** The metric of both models over some of the samples, and the drop. */
interface Scores {
  readonly float: number
  readonly quantized: number
  readonly drop: number
}

type Score = (chosen: readonly number[]) => Scores

const square = (x: number): number => x * x

/** Σ (a − b)² and Σ b² for each sample. */
function squares(a: Outputs, b: Outputs): { noise: number[]; signal: number[] } {
  const sum = (values: readonly number[]): number => values.reduce((x, y) => x + y, 0)
  return {
    noise: a.map((row, i) => sum(row.map((x, j) => square(x - b[i]![j]!)))),
    signal: b.map((row) => sum(row.map(square))),
  }
}

const total = (values: readonly number[], chosen: readonly number[]): number =>
  chosen.reduce((sum, i) => sum + values[i]!, 0)

function scorer(
  metric: Metric,
  float: Outputs,
  quantized: Outputs,
  width: number,
  labels: Validation['labels'],
): Score {
  const difference = (a: number, b: number): Scores => ({ float: a, quantized: b, drop: a - b })
  switch (metric) {
    case 'top1': {
      const hits = (outputs: Outputs): number[] => outputs.map((o, i) => agreeing(places(o, width), labels![i]!))
      const [a, b] = [hits(float), hits(quantized)]
      return (chosen) => difference(total(a, chosen) / chosen.length, total(b, chosen) / chosen.length)
    }
    case 'agreement': {
      const same = float.map((o, i) => agreeing(places(o, width), places(quantized[i]!, width)))
      return (chosen) => difference(1, total(same, chosen) / chosen.length)
    }
    case 'auc': {
      const score = (outputs: Outputs): number[] => outputs.map((o) => (o.length === 1 ? o[0]! : o[1]! - o[0]!))
      const positive = labels!.map(([y]) => y === 1)
      const [a, b] = [score(float), score(quantized)]
      return (chosen) => difference(areaUnderCurve(a, positive, chosen), areaUnderCurve(b, positive, chosen))
    }
    case 'mse': {
      const size = Math.max(1, float[0]?.length ?? 1)
      // Classes are no values to compare with.
      if (labels?.every((row) => row.length === size)) {
        const [a, b] = [squares(float, labels).noise, squares(quantized, labels).noise]
        return (chosen) => {
          const [x, y] = [total(a, chosen), total(b, chosen)]
          const count = chosen.length * size
          return { float: x / count, quantized: y / count, drop: x > 0 ? (y - x) / x : y > 0 ? Infinity : 0 }
        }
      }
      const { noise, signal } = squares(quantized, float)
      return (chosen) => {
        const relative = total(noise, chosen) / Math.max(Number.MIN_VALUE, total(signal, chosen))
        return { float: 0, quantized: relative, drop: relative }
      }
    }
  }
}

const resamples = 1000

/** The middle 95 % of the drops over resampled samples. */
function interval(score: Score, count: number, seed: number): [number, number] {
  const next = uniform(seed)
  const draw = (): number[] => Array.from({ length: count }, () => Math.floor(next() * count))
  const drops = Array.from({ length: resamples }, () => score(draw()).drop).filter((x) => !Number.isNaN(x))
  const sorted = Float64Array.from(drops).sort()
  const at = (p: number): number => sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? NaN
  return [at(0.025), at(0.975)]
}

/** What `quantized` lost against `float`, both one output on the same samples. */
export function accuracyOf(
  metric: Metric,
  float: Outputs,
  quantized: Outputs,
  width: number,
  labels: Validation['labels'],
  seed: number,
): Accuracy {
  const score = scorer(metric, float, quantized, width, labels)
  const all = float.map((_, i) => i)
  const same = float.map((o, i) => agreeing(places(o, width), places(quantized[i]!, width)))
  const { noise, signal } = squares(quantized, float)
  return {
    metric,
    samples: float.length,
    ...score(all),
    interval: interval(score, float.length, seed),
    agreement: width > 1 ? mean(same) : null,
    sqnrDb: decibels({ signal: total(signal, all), noise: total(noise, all) }),
  }
}

/** Noise relative to signal: finer than any metric that counts, so layers are ranked by it. */
export function relativeNoise(float: Outputs, quantized: Outputs): number {
  const { noise, signal } = squares(quantized, float)
  const all = float.map((_, i) => i)
  return total(noise, all) / Math.max(Number.MIN_VALUE, total(signal, all))
}
