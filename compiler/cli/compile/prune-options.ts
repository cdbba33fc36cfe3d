import { InvalidArgumentError, Option } from 'commander'
import type { PrunedReport, PruningReport } from '../../index.ts'
import { formatCount } from '../format.ts'
import { notEmpty } from '../options.ts'
import { describeAccuracy, percent } from './quantization.ts'

/** What `--prune` says, as the fields of a configuration's `prune` that it stands for; their values are checked there. */
export type PruneFlag = Readonly<Record<string, string | number>>

/** `50%` of the multiply-adds, or `params=50%`, `size=60kB`, `latency=1ms`; several with commas between them. */
function pruneFlag(text: string): PruneFlag {
  const found = new Map<string, string | number>()
  for (const part of text.split(',')) {
    const [, name = 'macs', value = ''] = /^(?:(macs|params|size|latency)=)?([^=]+)$/.exec(part.trim()) ?? []
    if (value === '')
      throw new InvalidArgumentError('It is not like 50%, params=50%, size=60kB or latency=1ms; commas divide several.')
    if (found.has(name)) throw new InvalidArgumentError(`There are two targets for ${name}.`)
    found.set(name, value.endsWith('%') || Number.isNaN(Number(value)) ? value : Number(value))
  }
  return Object.fromEntries(found)
}

export const pruneOption = (): Option =>
  new Option(
    '--prune <targets>',
    'remove channels: 50% (this share of the multiply-adds goes), params=50%, size=60kB, latency=1ms',
  ).argParser(pruneFlag)

/** The same where without a file it tells what a search would do. */
export const planOrFileOption = (): Option =>
  new Option(
    '--plan [file.json]',
    'with --train: only tell what would be done, and how long that takes; with a file, for --prune latency=…: times of the kernels, from attar bench --layers --plan',
  ).argParser(notEmpty)

export const planOption = (): Option =>
  new Option(
    '--plan <file.json>',
    'for --prune latency=…: times of the kernels, from attar bench --layers --plan',
  ).argParser(notEmpty)

/** What went, and what is left. */
export function describePruned({ layers, macs, parameters, bytes, latency }: PruningReport): string[] {
  const gone = ({ before, after }: PruningReport['macs']): string =>
    `${formatCount(before)} → ${formatCount(after)} (${percent(1 - after / before)} less)`
  const names = layers.map(({ node }) => node.length)
  return [
    'output channels of layers:',
    ...layers.map(({ node, before, after }) => `  ${node.padEnd(Math.max(...names))}  ${before} → ${after}`),
    `multiply-adds of a sample: ${gone(macs)}`,
    `parameters: ${gone(parameters)}`,
    ...(bytes === undefined ? [] : [`bytes of the compiled module: ${formatCount(bytes)}`]),
    ...(latency
      ? [
          `milliseconds of a run: ${latency.before.toPrecision(3)} → ${latency.after.toPrecision(3)}, by the plan's times`,
        ]
      : []),
  ]
}

/** The same of a model that is not trained behind it, and what that cost. */
export function describePruning(report: PrunedReport): string[] {
  const { samples, corrected, accuracy, notes } = report
  return [
    ...describePruned(report),
    samples > 0
      ? `${corrected} layers have the mean of what is gone in their biases, over ${formatCount(samples)} samples`
      : 'nothing makes up for what is gone: --calib gives biases its mean',
    accuracy ? describeAccuracy(accuracy) : 'accuracy was not measured: there were no samples for it',
    ...(accuracy && accuracy.agreement !== null
      ? [`predictions that stayed the same: ${percent(accuracy.agreement)}`]
      : []),
    ...notes,
  ]
}
