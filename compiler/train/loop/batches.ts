import type { TypedArray } from '../../core/scalar/dtype.ts'
import type { Instance } from '../../core/executor.ts'
import { ports } from '../model/ports.ts'
import type { Sample, Samples } from './samples.ts'

/**
 * Writes the samples `chosen` into a program's inputs, and gives the sum of their weights. Rows that are left over repeat the first ones,
 * with weight 0.
 */
export async function writeBatch(
  inputs: Instance['inputs'],
  data: readonly string[],
  samples: Samples,
  chosen: ArrayLike<number>,
  epoch: number,
  weightOf: (sample: Sample) => number = () => 1,
): Promise<number> {
  const weight = inputs[ports.weight]!
  // Without labels there is none.
  const target: TypedArray | undefined = inputs[ports.target]
  const rows = weight.length
  const write = (row: number, sample: Sample): void => {
    for (const name of data) {
      const view = inputs[name]!
      view.set(sample.inputs[name] as never, (view.length / rows) * row)
    }
    if (target) (target as Float32Array).set(sample.target, (target.length / rows) * row)
    weight[row] = row < chosen.length ? weightOf(sample) : 0
  }
  for (let row = 0; row < rows; row++) {
    const sample = samples.at(chosen[row % chosen.length]!, epoch)
    write(row, sample instanceof Promise ? await sample : sample)
  }
  return sumOf(weight)
}

/** What a sample counts by its class, or by the probabilities of its classes. */
export const classWeight =
  (weights: readonly number[] | undefined) =>
  ({ target }: Sample): number => {
    if (!weights) return 1
    return target.length === 1 ? weights[target[0]!]! : weights.reduce((sum, w, k) => sum + w * target[k]!, 0)
  }

/** The input `name` of a program, of one number. */
export function writeScalar(inputs: Instance['inputs'], name: string, value: number): void {
  const view: TypedArray | undefined = inputs[name]
  if (view) view[0] = value
}

/** In f64. */
export function sumOf(values: TypedArray): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += Number(values[i])
  return sum
}
