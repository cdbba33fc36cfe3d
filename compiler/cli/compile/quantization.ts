import type { Accuracy, LayerReport, Metric, QuantizationReport } from '../../index.ts'
import { formatCount, formatTable } from '../format.ts'

export const percent = (x: number): string => `${(100 * x).toFixed(2)} %`

/** Errors are figures, the other metrics shares. */
const figure = (metric: Metric, x: number): string => (metric === 'mse' ? x.toPrecision(3) : percent(x))

const decibels = (x: number | null): string => (x === null ? '' : x.toFixed(1))

/** e.g. `top1 91.37 % → 91.39 %, drop -0.02 % (95 %: -0.10 to 0.05 %) on 10,000 samples` */
export function describeAccuracy({ metric, float, quantized, drop, interval, samples }: Accuracy): string {
  const [low, high] = interval.map(percent)
  const change = `${figure(metric, float)} → ${figure(metric, quantized)}`
  return `${metric} ${change}, drop ${percent(drop)} (95 %: ${low} to ${high}) on ${formatCount(samples)} samples`
}

function layerRow({ name, operator, kept, floatBytes, bytes, bits, inputBits, ...l }: LayerReport): string[] {
  const inputs = l.inputs.map(({ sqnrDb }) => decibels(sqnrDb)).join(' / ')
  const sensitivity = l.sensitivity === null ? '' : l.sensitivity.toExponential(1)
  const sizes = [formatCount(floatBytes), formatCount(bytes), String(bits), inputBits === null ? '' : String(inputBits)]
  return [
    ...[name, operator, ...sizes, decibels(l.weightsSqnrDb), inputs, decibels(l.resultSqnrDb), sensitivity],
    kept ?? '',
  ]
}

/** The report as a table of layers and a few lines. */
export function describeQuantization(report: QuantizationReport): string[] {
  const { mode, samples, techniques, accuracy, floatBytes, bytes, notes, layers } = report
  const header = [
    'layer',
    'operator',
    'bytes f32',
    'now',
    'bits',
    'of inputs',
    'dB weights',
    'inputs',
    'result',
    'noise alone',
    'why f32',
  ]
  const withAgreement = accuracy && accuracy.agreement !== null
  const lines = [
    `${samples === 0 ? `${mode}: no samples were needed` : `${mode}, calibrated on ${formatCount(samples)} samples`}${techniques.length > 0 ? `; ${techniques.join('; ')}` : ''}`,
    `weights ${formatCount(floatBytes)} → ${formatCount(bytes)} bytes`,
    accuracy ? describeAccuracy(accuracy) : 'accuracy was not measured: there were no samples for it',
    ...(withAgreement ? [`predictions that stayed the same: ${percent(accuracy.agreement!)}`] : []),
    ...notes,
  ]
  const rows = layers.map(layerRow)
  // Without samples there is nothing to say in some columns.
  const shown = header.map((_, i) => i).filter((i) => i === 0 || rows.some((row) => row[i] !== ''))
  const table = [header, ...rows].map((row) => shown.map((i) => row[i]!))
  const left = [1, 10].flatMap((i) => (shown.includes(i) ? [shown.indexOf(i)] : []))
  return [...formatTable(table, left), '', ...lines]
}
