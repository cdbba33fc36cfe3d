import type { Executor } from '../../core/executor.ts'
import type { Graph } from '../../core/graph.ts'
import type { Accuracy, Metric } from '../../core/artefact/quantization-report.ts'
import type { Progress } from '../calibrate.ts'
import { doubts } from './doubt.ts'
import { accuracyOf, defaultMetric, measuredOutput, outputsOf, outputWidth, type Validation } from './metric.ts'

/** How what a model loses is measured. */
export interface Measuring {
  readonly validation?: Validation | undefined
  /** Without it: top1 where there are labels, else agreement, or mse for outputs of one element. */
  readonly metric?: Metric | undefined
  readonly seed?: number | undefined
  readonly executor: Executor
  readonly onProgress?: Progress | undefined
}

/** What the graph `after` lost against `before` on samples that were held out, and what is odd about it; null without any. */
export async function accuracyBetween(
  before: Graph,
  after: Graph,
  { validation, metric, executor, seed = 1, onProgress = () => {} }: Measuring,
): Promise<{ readonly accuracy: Accuracy | null; readonly notes: readonly string[] }> {
  const output = measuredOutput(before)
  if (!validation || validation.samples.length === 0 || !output) return { accuracy: null, notes: [] }
  const width = outputWidth(output.value.type.shape)
  const of = async (graph: Graph, step: string) =>
    outputsOf(await executor.prepare(graph), output.name, validation.samples, onProgress, step)
  const [first, second] = [await of(before, 'measuring the model'), await of(after, 'measuring what is left')]
  const { labels } = validation
  const chosen = metric ?? defaultMetric(width, labels !== undefined)
  const accuracy = accuracyOf(chosen, first, second, width, labels, seed)
  return { accuracy, notes: doubts(chosen, first, width, labels, accuracy) }
}
