import type { Accuracy, Compiled, Imported, Metric, Validation } from '../../index.ts'
import type { Sample, Samples } from '../../train/index.ts'
import type { Terminal } from '../terminal.ts'

/** What a module says of each sample: the elements of the measured output. */
export type Answers = readonly (readonly number[])[]

/** Compares modules with the first one, on samples that nothing is trained on. */
export interface Judge {
  readonly metric: Metric
  readonly samples: readonly Sample[]
  /** Elements in a row of the output, the largest of which is the answer. */
  readonly width: number
  readonly labels: Validation['labels']
  answers(module: Compiled, what: string): Promise<Answers>
  compare(before: Answers, after: Answers): Accuracy
}

export interface JudgeOptions {
  readonly metric: Metric | undefined
  /** Without labels, answers are compared with those of the first module. */
  readonly isLabelled: boolean
  readonly seed: number
}

/** A506 where the model has no output of floats. */
export async function judgeOn(
  samples: Samples,
  { graph }: Imported,
  { metric: given, isLabelled, seed }: JudgeOptions,
  terminal: Terminal,
): Promise<Judge> {
  const {
    accuracyOf,
    defaultMetric,
    elementCount,
    fail,
    instantiate,
    measuredOutput,
    metricNeedsLabels,
    outputWidth,
    prepareLabels,
  } = await import('../../index.ts')
  const output = measuredOutput(graph) ?? fail('A506', 'the model has no output of floats to judge it by')
  const { shape } = output.value.type
  const width = outputWidth(shape)
  const metric = given ?? defaultMetric(width, isLabelled)
  if (!isLabelled && (metric === 'top1' || metric === 'auc')) metricNeedsLabels(metric)
  const all: Sample[] = []
  for (let i = 0; i < samples.count; i++) all.push(await samples.at(i, 0))
  const targets = all.map(({ target }) => Array.from(target))
  const labels = isLabelled ? prepareLabels(targets, metric, elementCount(shape) / width, width).labels : undefined
  return {
    ...{ metric, width, labels, samples: all },
    answers: async ({ modules, spec }, what) => {
      const model = instantiate(new WebAssembly.Module(modules.simd! as BufferSource), spec)
      return all.map(({ inputs }, i) => {
        if (i % 16 === 0) terminal.status(`${what}: sample ${i + 1}/${all.length}`)
        return Array.from(model.run(inputs)[output.name] as Float32Array)
      })
    },
    compare: (before, after) => accuracyOf(metric, before, after, width, labels, seed),
  }
}
