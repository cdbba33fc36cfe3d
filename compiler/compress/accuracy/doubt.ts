import type { Accuracy, Metric } from '../../core/artefact/quantization-report.ts'
import { places, type Outputs, type Validation } from './metric.ts'
import { aucNeedsBothClasses, noBetterThanChance, noFiniteOutput } from '../errors.ts'

/** Samples from which on a figure at chance is no accident. */
const enough = 100

/** What to look at where a model knows nothing of its data. */
const hint =
  'check the scale of pixels (--scale, --mean, --std), the order of channels (--channels), the layout (--layout), and that ' +
  'the labels are numbered as the model’s classes are; --metric agreement does without labels'

const percent = (x: number): string => `${(100 * x).toFixed(2)} %`

/** Two standard deviations of a share that is `p` by chance, over `n` draws. */
const twoSigma = (p: number, n: number): number => 2 * Math.sqrt((p * (1 - p)) / n)

/** How often each number is there. */
function shares(values: readonly number[]): Map<number, number> {
  const found = new Map<number, number>()
  for (const x of values) found.set(x, (found.get(x) ?? 0) + 1 / values.length)
  return found
}

/**
 * What makes a figure of the float model meaningless, as sentences: it is no better than chance, or than labels in another order
 * would give. A504 where there are samples enough to be sure that the data is at fault, or where no output is a number.
 */
export function doubts(
  metric: Metric,
  float: Outputs,
  width: number,
  labels: Validation['labels'],
  { float: figure }: Pick<Accuracy, 'float'>,
): string[] {
  const broken = float.filter((row) => !row.every(Number.isFinite)).length
  if (float.length > 0 && broken === float.length) noFiniteOutput(broken)
  const found = broken > 0 ? [`the float model gives NaN or infinities on ${broken} of ${float.length} samples`] : []
  if (!labels || labels.length === 0) return found
  if (metric === 'top1') found.push(...chanceOfClasses(float, width, labels, figure))
  if (metric === 'auc') found.push(...chanceOfScores(labels, figure))
  if (metric === 'mse') found.push(...chanceOfValues(float, labels, figure))
  return found
}

/** The share that is expected of labels in another order is that of Cohen's kappa: Σ p(label = c) · p(prediction = c). */
function chanceOfClasses(
  float: Outputs,
  width: number,
  labels: readonly (readonly number[])[],
  figure: number,
): string[] {
  const truth = labels.flat()
  const [predicted, given] = [shares(float.flatMap((row) => places(row, width))), shares(truth)]
  if (given.size === 1) return [`all labels are class ${truth[0]}: the figure says little`]
  const shuffled = [...given].reduce((sum, [c, p]) => sum + p * (predicted.get(c) ?? 0), 0)
  if (figure > shuffled + twoSigma(shuffled, truth.length)) return []
  const what = `the float model is right on ${percent(figure)}, with the labels in another order on ${percent(shuffled)}`
  const atChance = figure <= 1 / width + twoSigma(1 / width, truth.length)
  if (atChance && labels.length >= enough) noBetterThanChance(what, hint)
  return [`${what}; ${hint}`]
}

/** The deviation is that of the Mann-Whitney statistic without ties. */
function chanceOfScores(labels: readonly (readonly number[])[], figure: number): string[] {
  const positive = labels.filter(([y]) => y === 1).length
  const negative = labels.length - positive
  if (positive === 0 || negative === 0) aucNeedsBothClasses()
  const margin = 2 * Math.sqrt((labels.length + 1) / (12 * positive * negative))
  if (figure > 0.5 + margin) return []
  if (figure < 0.5 - margin)
    return [`an area of ${percent(figure)} is less than chance: are the classes 0 and 1 the other way round?`]
  const what = `the float model’s area of ${percent(figure)} is chance`
  if (labels.length >= enough) noBetterThanChance(what, hint)
  return [`${what}; ${hint}`]
}

function chanceOfValues(float: Outputs, labels: readonly (readonly number[])[], figure: number): string[] {
  const size = float[0]?.length ?? 0
  if (!labels.every((row) => row.length === size) || labels.length < 2) return []
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length
  const variances = Array.from({ length: size }, (_, i) => {
    const values = labels.map((row) => row[i]!)
    const center = mean(values)
    return mean(values.map((x) => (x - center) * (x - center)))
  })
  return figure >= mean(variances)
    ? [`the float model’s error of ${figure.toPrecision(3)} is no less than that of the mean of all labels; ${hint}`]
    : []
}
