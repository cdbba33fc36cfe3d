import { Option, type Command } from 'commander'
import type { Metric, Target } from '../../index.ts'
import type { Budget } from '../../config/schema.ts'
import type { StorageOptions } from '../module-options.ts'
import { notEmpty, positive, wholeNumber, type ShapeOptions } from '../options.ts'
import type { PictureOptions } from '../compile/quantize-options.ts'

/** What of `attar compile` looks for a model within a budget; `train` is what asks for it. */
export interface BudgetOptions {
  train?: string
  test?: string
  labels: boolean
  maxSize?: string
  maxLatency?: string
  time?: string
  epochs?: number
  learningRate?: number
  config?: string
  control: boolean
}

/** With the options that it shares with others. */
export interface OptimizeOptions extends StorageOptions, BudgetOptions, ShapeOptions, PictureOptions {
  readonly output: string
  readonly name: string
  readonly val?: string
  readonly label?: string
  readonly tokenizer?: string
  readonly metric?: Metric
  readonly maxDrop?: number
  /** Where it is given: a configuration may have one. */
  readonly seed?: number | undefined
  readonly json?: boolean
  /** The modules that are written, whose larger one has to be within the budget. */
  readonly targets: readonly Target[]
}

export const addBudgetOptions = (command: Command): Command =>
  command
    .option('--train <data>', 'look for a model within the budget that follows: data to train on', notEmpty)
    .option('--test <data>', 'with --train: data that is scored once, at the end', notEmpty)
    .option('--no-labels', 'with --train: learn from the model’s own answers; the data needs no labels')
    .option(
      '--max-size <bytes>',
      'most bytes of a module, such as 60kB: with --train, or with --quantize weights, which gives layers as many bits as fit',
      notEmpty,
    )
    .option(
      '--max-latency <time>',
      'with --train: most time of a run, such as 1ms, as measured in this process; milliseconds unless there is a unit',
      notEmpty,
    )
    .option(
      '--time <time>',
      'with --train: most time to spend, such as 10min (seconds unless there is a unit); the result depends on the machine',
      notEmpty,
    )
    .option(
      '--epochs <number>',
      'with --train: epochs of a training (default: 10, more where the data is small: 3,000 steps)',
      wholeNumber(1, 1_000_000),
    )
    .option('--learning-rate <number>', 'with --train: its highest learning rate (default: 0.001)', positive)
    .addOption(
      new Option(
        '--config <file>',
        'as --train, with data and training as attar.config.ts says: its data, preprocess, augment, train, seed',
      ).argParser(notEmpty),
    )
    .option('--no-control', 'with --train: do not train a pruned model’s widths from nothing, to compare')

/** A501 for everything that is wrong with a budget. */
export async function budgetOf({
  maxSize,
  maxLatency,
  maxDrop,
  time,
}: Pick<OptimizeOptions, 'maxSize' | 'maxLatency' | 'maxDrop' | 'time'>): Promise<Budget> {
  const { CompileError, fail } = await import('../../index.ts')
  const { checkBudget } = await import('../../config/schema.ts')
  const found = checkBudget({ size: maxSize, latency: maxLatency, drop: maxDrop, time })
  if ('problems' in found)
    throw new CompileError(
      found.problems.map((message) => ({
        code: 'A501',
        message: message.startsWith('time') ? `--${message}` : `--max-${message}`,
      })),
    )
  const { budget } = found
  if (budget.size === undefined && budget.latency === undefined)
    fail('A501', '--train looks for a model within a budget, and there is none', {
      hint: 'give --max-size 60kB, --max-latency 1ms, or both; attar train trains a model as it is',
    })
  return budget
}
