import {
  accuracyOf,
  doubts,
  isFloat,
  metricNeedsLabels,
  outputWidth,
  prepareLabels,
  reader,
  type Accuracy,
  type Metric,
  type StateSpec,
  type Tensor,
  type Validation,
} from '../index.ts'
import type { Runner } from './engine.ts'
import type { Reference } from './onnxruntime.ts'
import { noRunner } from './errors.ts'
import { steps } from './steps.ts'

/** The metric of the source model and of one variant of the module, which stands as `quantized`. */
export interface MetricAccuracy {
  readonly variant: string
  readonly accuracy: Accuracy
}

/**
 * The accuracy of a module's variants beside the source model's, by its first output of floats, and what makes the figures
 * doubtful. A501 where labels are missing, A504 where they do not go with the model.
 */
export async function verifyMetric(
  reference: Reference,
  runners: readonly Runner[],
  { samples, labels }: Validation,
  bound: Readonly<Record<string, Tensor>>,
  metric: Metric,
  seed: number,
  states?: readonly StateSpec[],
): Promise<{ found: MetricAccuracy[]; notes: string[] }> {
  if (!labels && (metric === 'top1' || metric === 'auc')) metricNeedsLabels(metric)
  if (runners.length === 0) noRunner()
  const numbers = (t: Tensor): number[] => Array.from({ length: t.data.length }, (_, i) => Number(reader(t)(i)))
  const expected: number[][] = []
  const found: number[][][] = runners.map(() => [])
  let width = 1
  for await (const step of steps(reference, runners, samples, bound, states)) {
    let first: string | undefined
    for (const [i, outputs] of step.found.entries()) {
      first ??= (Object.entries(outputs).find(([, t]) => isFloat(t.dtype)) ?? Object.entries(outputs)[0]!)[0]
      found[i]!.push(numbers(outputs[first]!))
    }
    const output = step.expected[first!]!
    width = outputWidth(output.shape)
    expected.push(numbers(output))
  }
  const prepared = labels && prepareLabels(labels, metric, expected[0]!.length / width, width)
  const accuracies = runners.map(({ variant }, i) => ({
    variant,
    accuracy: accuracyOf(metric, expected, found[i]!, width, prepared?.labels, seed),
  }))
  const notes = doubts(metric, expected, width, prepared?.labels, accuracies[0]!.accuracy)
  return { found: accuracies, notes: [...(prepared?.notes ?? []), ...notes] }
}
