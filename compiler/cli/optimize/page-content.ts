import { basename } from 'node:path'
import type { Accuracy, Imported, RemovedChannels } from '../../index.ts'
import type { OptimizationContent } from '../../report/optimization.ts'
import { shareOf, type Score } from '../../train/index.ts'
import { formatCount } from '../format.ts'
import type { Terminal } from '../terminal.ts'
import { percent } from '../train/progress.ts'
import { missText, type Candidate } from './candidate.ts'
import { changedSamples, confusions } from './changed.ts'
import type { OptimizeOptions } from './options.ts'
import { reproduction } from './reproduction.ts'
import type { Optimized } from './run.ts'

const valueText = ({ metric }: Accuracy, value: number): string =>
  metric === 'mse' ? value.toPrecision(3) : percent(value)

/** What a page tells of a search. */
export async function pageContent(
  result: Optimized,
  path: string,
  options: OptimizeOptions,
  terminal: Terminal,
): Promise<OptimizationContent> {
  const { search, original, best, control, results, test } = result
  const { tried, budget, judge, subject } = search
  const { metric } = best.accuracy
  const isError = metric === 'mse'
  const judged = test ?? { judge, original: original.answers, best: best.answers }
  const final = judged.judge.compare(judged.original, judged.best)
  const worth = ({ accuracy }: Candidate): number => (isError ? accuracy.quantized : 100 * accuracy.quantized)
  const trainings = tried.flatMap(({ name, trainings, isControl }) =>
    trainings.map((training, i) => ({ training, name: trainings.length > 1 && i === 0 ? '' : name, isControl })),
  )
  // A training that several models come from is drawn once.
  const distinct = [...new Map(trainings.map((one) => [one.training, one])).values()]
  const curveOf = (score: Score): number => {
    const share = shareOf(score)
    return share === undefined ? score.loss : 100 * share
  }
  const hasShare = distinct.some(({ training }) =>
    training.history.some(({ validation }) => shareOf(validation) !== undefined),
  )
  const samples = await changedSamples(judged, subject)
  const matrices = confusions(judged, subject)
  terminal.status('timing each kernel')
  return {
    model: basename(path),
    summary: summaryOf(result, final),
    isMissed: Object.keys(best.over).length > 0,
    figures: [
      figure('bytes of the module', original.bytes, best.bytes, formatCount),
      figure('milliseconds of a run', original.ms, best.ms, (ms) => ms.toPrecision(3)),
      {
        what: `${metric}, ${test ? 'test' : 'validation'} data`,
        value: `${valueText(final, final.float)} → ${valueText(final, final.quantized)}`,
        more: `${percent(final.drop)} lost (95 % interval ${final.interval.map(percent).join(' to ')})`,
      },
      ...(control ? [controlFigure(result)] : []),
    ],
    tried: tried.map((one) => ({
      ...{ name: one.name, bytes: one.bytes, ms: one.ms, worth: worth(one), how: one.how },
      kind: one === best ? ('chosen' as const) : one.isControl ? ('control' as const) : ('tried' as const),
      ...{ worthText: valueText(one.accuracy, one.accuracy.quantized), lost: percent(one.accuracy.drop) },
      over: missText(one, budget).join('; '),
    })),
    better: isError ? 'less' : 'more',
    worthLabel: isError ? 'mean squared error' : `${metric}, %`,
    limits: { bytes: budget.size, worth: isError ? undefined : 100 * (original.accuracy.quantized - budget.drop) },
    stages: results.map(({ stage, what, seconds, note = '' }) => [stage, what, `${seconds.toFixed(1)} s`, note]),
    curves: distinct.map(({ training: { history }, name }) => ({
      name,
      train: history.map(({ train }) => curveOf(train)),
      validation: history.map(({ validation }) => curveOf(validation)),
    })),
    curveLabel: hasShare ? '% right, or in agreement with the teacher' : 'loss',
    ...(matrices && { confusion: { data: test ? 'test' : 'validation', ...matrices } }),
    ...samples,
    widths: widthsOf(best),
    integers: (best.source.quantization?.layers ?? []).map(({ name, bits, floatBytes, bytes }) => [
      ...([name, bits === 32 ? 'f32' : `${bits}`] as const),
      ...([formatCount(floatBytes), formatCount(bytes)] as const),
    ]),
    kernels: [
      { what: 'Time, the model as it is', rows: await kernelRows(original.source) },
      ...(best === original ? [] : [{ what: 'Time, the chosen model', rows: await kernelRows(best.source) }]),
    ],
    reproduce: reproduction(best, path, options, subject),
  }
}

function summaryOf({ search: { budget }, best, original }: Optimized, final: Accuracy): string[] {
  const limits = [
    ...(budget.size === undefined ? [] : [`${formatCount(budget.size)} bytes`]),
    ...(budget.latency === undefined ? [] : [`${budget.latency} ms`]),
    `${percent(budget.drop)} of ${final.metric} lost`,
  ]
  return [
    `Chosen: ${best.name}. It has ${share(original.bytes, best.bytes)} of the bytes of the model as it is, and takes ${share(original.ms, best.ms)} of its time.`,
    `How: ${best.how}.`,
    `The budget: ${limits.join(', ')} at most.`,
  ]
}

const figure = (what: string, before: number, after: number, text: (value: number) => string) => ({
  ...{ what, value: `${text(before)} → ${text(after)}` },
  more: `${share(before, after)} of before`,
})

const share = (before: number, after: number): string => `${Math.round((100 * after) / before)} %`

/** What the technique is worth: the chosen model beside one of the same widths that was trained from nothing. */
function controlFigure({ best, control, test }: Optimized) {
  const [own, other] = test?.control
    ? [test.judge.compare(test.original, test.best), test.judge.compare(test.original, test.control)]
    : [best.accuracy, control!.accuracy]
  return {
    what: 'control: the same widths from nothing',
    value: `${valueText(other, other.quantized)}, not ${valueText(own, own.quantized)}`,
    more: 'trained for as many epochs',
  }
}

const widthsOf = ({ trainings }: Candidate) =>
  trainings
    .flatMap(({ pruning }): readonly RemovedChannels[] => pruning?.layers ?? [])
    .map(({ node, before, after }) => [node, formatCount(before), formatCount(after)] as const)

/** Kernels without multiply-adds that take less than this share of the time are one row. */
const smallShare = 0.02

/** A page tells where the time goes, and needs no more than that. */
const effort = { warmUpMs: 150, restMs: 50, measuredMs: 300 }

/** The kernels of a module, each timed alone in this process. */
async function kernelRows(source: Imported): Promise<string[][]> {
  const { compile, target } = await import('../../index.ts')
  const { benchLayers } = await import('../../bench/index.ts')
  const { randomInputs } = await import('../../data/index.ts')
  const compiled = await compile(source, { targets: [target], instrument: true })
  const { layers } = await benchLayers(compiled, target, randomInputs(compiled.spec.inputs, 1), effort)
  const sum = layers.reduce((total, { medianMs }) => total + medianMs, 0)
  const row = (node: string, kernel: string, macs: number, ms: number): string[] => [
    ...[node, kernel, formatCount(macs)],
    ...[(1000 * ms).toFixed(1), `${((100 * ms) / sum).toFixed(1)} %`],
  ]
  const isSmall = ({ macs, medianMs }: (typeof layers)[number]): boolean => macs === 0 && medianMs < smallShare * sum
  const small = layers.filter(isSmall)
  return [
    ...layers
      .filter((layer) => !isSmall(layer))
      .map(({ nodes, kernel, macs, medianMs }) => row(nodes.at(-1) ?? '', kernel, macs, medianMs)),
    ...(small.length === 0
      ? []
      : [
          row(
            `${small.length} others`,
            '',
            0,
            small.reduce((total, { medianMs }) => total + medianMs, 0),
          ),
        ]),
  ]
}
