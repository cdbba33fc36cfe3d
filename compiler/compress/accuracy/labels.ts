import type { Metric } from '../../core/artefact/quantization-report.ts'
import type { Validation } from './metric.ts'
import { labelNoClass, labelNotFinite, wrongLabelSize } from '../errors.ts'

type Labels = NonNullable<Validation['labels']>

/** Labels in the form that a metric takes, and what was done to bring them there. */
export interface Prepared {
  readonly labels: Labels
  readonly notes: readonly string[]
}

const isOneHot = (row: readonly number[]): boolean =>
  row.filter((x) => x === 1).length === 1 && row.filter((x) => x === 0).length === row.length - 1

/**
 * Labels for outputs of `rows` rows of `width` elements: for top1 a class for each row, for auc one of the classes 0 and 1;
 * where every label is one-hot it becomes the place of its 1. A504 where they are other than the metric takes, with the place
 * of the first that is.
 */
export function prepareLabels(given: Labels, metric: Metric, rows: number, width: number): Prepared {
  if (metric === 'agreement') return { labels: given, notes: [] }
  if (metric === 'mse') {
    const wrong = given.findIndex((row) => !row.every(Number.isFinite))
    if (wrong >= 0) labelNotFinite(wrong, given[wrong]!)
    return { labels: given, notes: [] }
  }
  const classes = metric === 'auc' ? 2 : width
  const isHot = rows === 1 && classes > 1 && given.every((row) => row.length === classes && isOneHot(row))
  const labels = isHot ? given.map((row) => [row.indexOf(1)]) : given
  const expected = metric === 'auc' ? 1 : rows
  const odd = labels.findIndex((row) => row.length !== expected)
  if (odd >= 0) wrongLabelSize(odd, labels[odd]!.length, metric, expected, classes)
  const isClass = (x: number): boolean => Number.isInteger(x) && x >= 0 && x < classes
  const wrong = labels.findIndex((row) => !row.every(isClass))
  if (wrong >= 0) {
    const flat = labels.flat()
    const fromOne = flat.every((x) => Number.isInteger(x) && x >= 1 && x <= classes)
    labelNoClass(wrong, labels[wrong]!, classes, fromOne)
  }
  return { labels, notes: isHot ? ['labels are one-hot: the place of the 1 is the class'] : [] }
}
