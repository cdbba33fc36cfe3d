import type { Settings } from '../../config/schema.ts'
import type { Sparsity } from '../../index.ts'
import type { Fit, SparsifyOptions, TrainableModel } from '../../train/index.ts'
import { formatCount } from '../format.ts'
import { percent } from './progress.ts'

/** What became zero. */
export interface SparsityReport {
  readonly layers: readonly { readonly parameter: string; readonly weights: number; readonly zeros: number }[]
  /**
   * Of the larger compiled module, with all weights, without zeros where that is faster, and also where it is only
   * smaller.
   */
  readonly bytes: { readonly before: number; readonly after: number; readonly least: number }
}

/** The parameters among those `named` that get zeros, and when. A702 where there are none. */
export async function sparsifyOptions(
  { share, blocks = '4x1', end = 0.6, start = Math.min(0.1, end) }: NonNullable<Settings['sparsify']>,
  model: TrainableModel,
  named: ReadonlySet<string>,
  frozen: ReadonlySet<string>,
): Promise<SparsifyOptions> {
  const { fail } = await import('../../index.ts')
  const { sparseParameters } = await import('../../train/index.ts')
  const parameters = sparseParameters(model).flatMap(({ name }) => (named.has(name) && !frozen.has(name) ? [name] : []))
  if (parameters.length === 0)
    fail('A702', 'sparsify: there are no weights that could become zero', {
      hint: 'those of dense layers and convolutions without groups can, where they are not frozen',
    })
  return { share, block: blocks === '4x1' ? 4 : 1, parameters, start, end: Math.max(start, end) }
}

/** Counts the zeros of the model that is kept, and what they save; `measure` gives the bytes of its module. */
export async function sparsityReport(
  model: TrainableModel,
  { best }: Fit,
  { parameters }: SparsifyOptions,
  measure: (model: TrainableModel, sparse: Sparsity) => Promise<number>,
): Promise<SparsityReport> {
  const { withValues } = await import('../../train/index.ts')
  const layers = parameters.map((parameter) => {
    const values = best.values[parameter]!
    let zeros = 0
    for (const w of values) if (w === 0) zeros++
    return { parameter, weights: values.length, zeros }
  })
  const trained = withValues(model, best.values)
  const [before, after, least] = [
    await measure(trained, 'off'),
    await measure(trained, 'speed'),
    await measure(trained, 'size'),
  ]
  const bytes = { before, after, least }
  return { layers, bytes }
}

export function describeSparsity({ layers, bytes }: SparsityReport): string[] {
  const width = Math.max(...layers.map(({ parameter }) => parameter.length))
  return [
    'weights that are zero:',
    ...layers.map(
      ({ parameter, weights, zeros }) =>
        `  ${parameter.padEnd(width)}  ${formatCount(zeros)} of ${formatCount(weights)} (${percent(zeros / weights)})`,
    ),
    `bytes of the compiled module: ${formatCount(bytes.before)} → ${formatCount(bytes.after)}${bytes.least < bytes.after ? `, with --sparse size ${formatCount(bytes.least)}` : ''}`,
  ]
}
