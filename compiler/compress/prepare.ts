import { isFloat } from '../core/scalar/dtype.ts'
import type { Graph } from '../core/graph.ts'
import { elementCount } from '../core/shape.ts'
import { reader } from '../core/tensor.ts'
import type { Sample } from './calibrate.ts'
import { prepareLabels } from './accuracy/labels.ts'
import { defaultMetric, measuredOutput, outputWidth } from './accuracy/metric.ts'
import type { QuantizeOptions } from './options.ts'
import { noFiniteSample } from './errors.ts'

/** The first input that has NaN or an infinity. */
function notFinite(sample: Sample): string | undefined {
  const found = Object.entries(sample).find(([, t]) => {
    if (!isFloat(t.dtype)) return false
    const read = reader(t)
    for (let i = 0; i < t.data.length; i++) if (!Number.isFinite(read(i))) return true
    return false
  })
  return found?.[0]
}

/** So many samples are named. */
const named = 3

/** The places of samples that are finite; A504 where none is. What was left out is added to `notes`. */
function finite(samples: readonly Sample[], what: string, notes: string[]): number[] {
  const bad = samples.map(notFinite)
  const wrong = bad.flatMap((input, i) => (input === undefined ? [] : [`${i} (input "${input}")`]))
  if (wrong.length === 0) return bad.map((_, i) => i)
  const list = wrong.slice(0, named).join(', ') + (wrong.length > named ? ' …' : '')
  if (wrong.length === samples.length) noFiniteSample(what, list)
  notes.push(`${wrong.length} of ${samples.length} ${what} samples have NaN or an infinity and were left out: ${list}`)
  return bad.flatMap((input, i) => (input === undefined ? [i] : []))
}

/** The options with samples and labels as the rest takes them, and what was done to them. A504 where they will not do. */
export function prepare<O extends Pick<QuantizeOptions, 'calibration' | 'validation' | 'metric'>>(
  graph: Graph,
  options: O,
): { options: O; notes: string[] } {
  const notes: string[] = []
  const calibration = finite(options.calibration, 'calibration', notes).map((i) => options.calibration[i]!)
  const given = options.validation
  if (!given || given.samples.length === 0) return { options: { ...options, calibration }, notes }
  const { shape } = measuredOutput(graph)!.value.type
  const width = outputWidth(shape)
  const metric = options.metric ?? defaultMetric(width, given.labels !== undefined)
  const prepared = given.labels && prepareLabels(given.labels, metric, elementCount(shape) / width, width)
  notes.push(...(prepared?.notes ?? []))
  const kept = finite(given.samples, 'validation', notes)
  const labels = prepared && kept.map((i) => prepared.labels[i]!)
  const validation = { samples: kept.map((i) => given.samples[i]!), ...(labels && { labels }) }
  return { options: { ...options, calibration, validation }, notes }
}
