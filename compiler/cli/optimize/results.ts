import type { Accuracy } from '../../index.ts'
import { formatTable } from '../format.ts'
import { formatCount } from '../format.ts'
import { frontOf, isWithin, missText, type Candidate } from './candidate.ts'
import type { Optimized, Tested } from './run.ts'

/** Accuracy on test data of the best against the first model, and of the control. */
function testScores({ judge, original, best, control }: Tested): { best: Accuracy; control?: Accuracy } {
  return {
    best: judge.compare(original, best),
    ...(control && { control: judge.compare(original, control) }),
  }
}

const candidateReport = ({ name, how, bytes, ms, accuracy, over, trainings, isControl, source }: Candidate) => ({
  ...{ name, how, bytes, ms, accuracy, over },
  ...(isControl && { isControl }),
  ...(source.quantization && {
    integers: { mode: source.quantization.mode, layers: source.quantization.layers.length },
  }),
  trainings: trainings.map(({ settings, history, pruning, student }) => ({
    ...{ settings, history },
    ...(pruning && { pruning }),
    ...(student && { student }),
  })),
})

/** Everything that was tried, for programs. */
export function reportOf({ search, best, results, test, interrupted }: Optimized) {
  const { budget, tried, subject } = search
  return {
    budget,
    ...{ within: isWithin(best), interrupted, best: best.name, front: frontOf(tried).map(({ name }) => name) },
    ...(isWithin(best) ? {} : { missed: missText(best, budget) }),
    samples: {
      ...{ train: subject.data.train.count, validation: subject.data.validation.count },
      ...(subject.data.test && { test: subject.data.test.count }),
    },
    stages: results,
    candidates: tried.map(candidateReport),
    ...(test && { test: testScores(test) }),
  }
}

export type OptimizationReport = ReturnType<typeof reportOf>

const points = (share: number): string => `${(100 * share).toFixed(2)}`

/** How many points of a metric, or which share of an error, went. */
function accuracyText({ metric, float, quantized, drop, interval: [low, high], samples }: Accuracy): string {
  const value = (x: number): string => (metric === 'mse' ? x.toPrecision(3) : `${points(x)} %`)
  return `${metric} ${value(float)} → ${value(quantized)}, ${points(drop)} lost (95 % interval ${points(low)} to ${points(high)}, ${formatCount(samples)} samples)`
}

/** The same for people. */
export function describe({ search, best, control, test }: Optimized): string[] {
  const { budget, tried } = search
  const front = new Set(frontOf(tried))
  const rows = tried.map((one) => [
    one === best ? '→' : '',
    one.name,
    formatCount(one.bytes),
    one.ms.toPrecision(3),
    one.accuracy.metric === 'mse' ? one.accuracy.quantized.toPrecision(3) : `${points(one.accuracy.quantized)} %`,
    `${points(one.accuracy.drop)}`,
    one.isControl
      ? 'control'
      : [isWithin(one) ? 'within the budget' : '', front.has(one) ? 'front' : ''].filter(Boolean).join(', '),
  ])
  const scores = test && testScores(test)
  return [
    ...formatTable([['', 'model', 'bytes', 'ms', best.accuracy.metric, 'lost', ''], ...rows]),
    '',
    `chosen: ${best.name}, ${best.how}`,
    ...(scores
      ? [`test: ${accuracyText(scores.best)}`]
      : [`validation, which chose it: ${accuracyText(best.accuracy)}`]),
    ...(scores?.control ? [`test, control: ${accuracyText(scores.control)}`] : []),
    ...(control && !scores ? [`control: ${accuracyText(control.accuracy)}`] : []),
    ...(isWithin(best) ? [] : [`the budget is not kept; the nearest miss: ${missText(best, budget).join('; ')}`]),
  ]
}
