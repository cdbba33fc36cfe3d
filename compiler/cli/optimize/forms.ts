import type { Imported, Quantized } from '../../index.ts'
import type { Quantization } from '../train/module-bytes.ts'
import { formOf } from '../train/module-bytes.ts'
import type { Candidate } from './candidate.ts'
import type { Search } from './stage.ts'

/** Ways of storing a model in integers, the most exact first. */
export const forms = [
  { mode: 'weights', bits: 8 },
  { mode: 'int8' },
  { mode: 'weights', bits: 4 },
] as const satisfies readonly Quantization[]

export const formText = ({ mode, bits }: Quantization): string =>
  mode === 'int8' ? 'int8' : `weights of ${bits ?? 8} bits`

/** What `attar compile` is told for it. */
export const formOptions = ({ mode, bits }: Quantization): string =>
  mode === 'int8' ? '--quantize int8' : `--quantize weights --bits ${bits ?? 8}`

/** A model in floats in such integers; with `drop`, layers that hurt are given back until no more is lost. */
export async function quantizedAs(
  form: Quantization,
  model: Imported,
  { subject, judge, seed, terminal }: Search,
  drop?: number,
): Promise<Quantized> {
  const { quantize } = await import('../../index.ts')
  const { graph, ...rest } = model
  const validation = {
    samples: judge.samples.map(({ inputs }) =>
      Object.fromEntries(graph.inputs.map(({ name, value: { type } }) => [name, { ...type, data: inputs[name]! }])),
    ),
    labels: judge.labels,
  }
  const result = await quantize(graph, {
    ...formOf(form),
    ...{ calibration: subject.calibration, seed, sensitivity: false },
    ...(drop !== undefined && { maxDrop: drop, metric: judge.metric, validation }),
    onProgress: (step, done, of) => terminal.status(`${formText(form)}: ${step} ${done + 1}/${of}`),
  })
  return { ...rest, ...result, metadata: { ...rest.metadata, ...result.metadata } }
}

/** How far a model's integers are from a budget, where layers are not counted that have been given back. */
const plain = (tried: readonly Candidate[], path: string): Candidate[] =>
  tried.filter(({ form, float, source }) => form && float === path && source.quantization?.maxDrop === null)

/**
 * The integers that a smaller model will be stored in: of those that keep the model's accuracy the fastest where time is limited, else the
 * smallest; where none does, those that lose least.
 */
export function formFor({ tried, subject, budget }: Search): Candidate {
  const all = plain(tried, subject.path)
  const good = all.filter(({ over }) => over.drop === undefined)
  const cost = budget.latency === undefined ? 'bytes' : 'ms'
  if (good.length > 0) return good.reduce((a, b) => (b[cost] < a[cost] ? b : a))
  return all.reduce((a, b) => (b.accuracy.drop < a.accuracy.drop ? b : a))
}
