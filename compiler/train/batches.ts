import type { TypedArray } from '../core/dtype.ts'
import type { Instance } from '../core/executor.ts'
import type { Sample, Samples } from './samples.ts'
import { ports } from './step.ts'

/** Writes the samples `chosen` into an instance's inputs. Rows that are left over repeat the first ones, with weight 0. */
export async function writeBatch(
  instance: Instance,
  data: readonly string[],
  samples: Samples,
  chosen: ArrayLike<number>,
  epoch: number,
  weightOf: (sample: Sample) => number = () => 1,
): Promise<void> {
  const weight = instance.inputs[ports.weight]!
  const target = instance.inputs[ports.target]!
  const rows = weight.length
  const each = target.length / rows
  const write = (row: number, sample: Sample): void => {
    for (const name of data) {
      const view = instance.inputs[name]!
      view.set(sample.inputs[name] as never, (view.length / rows) * row)
    }
    ;(target as Float32Array).set(sample.target, each * row)
    weight[row] = row < chosen.length ? weightOf(sample) : 0
  }
  for (let row = 0; row < rows; row++) {
    const sample = samples.at(chosen[row % chosen.length]!, epoch)
    write(row, sample instanceof Promise ? await sample : sample)
  }
}

/** The input `name` of an instance, of one number. */
export function writeScalar(instance: Instance, name: string, value: number): void {
  const view: TypedArray | undefined = instance.inputs[name]
  if (view) view[0] = value
}
