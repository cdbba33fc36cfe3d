import { fail } from '../../core/diagnostics/diagnostic.ts'
import type { TypedArray } from '../../core/scalar/dtype.ts'
import { lookupRanges, outsideOf, type Range } from '../../core/analysis/lookup-ranges.ts'
import type { Tensor } from '../../core/tensor.ts'
import type { Loss } from '../losses/index.ts'
import type { TrainableModel } from '../model/model.ts'

/** One sample: the data of each input, and what the loss compares with. */
export interface Sample {
  readonly inputs: Readonly<Record<string, TypedArray>>
  /** The number of a class, or the values that the scores should have. */
  readonly target: ArrayLike<number>
}

/** A data set that may be larger than memory. */
export interface Samples {
  readonly count: number
  /** Sample `index`, as it is shown in `epoch`. */
  at(index: number, epoch: number): Sample | Promise<Sample>
}

export const samplesOf = (all: readonly Sample[]): Samples => ({ count: all.length, at: (index) => all[index]! })

/** A704 unless `target` is what `loss` takes for `outputs` scores. */
export function checkTarget(target: ArrayLike<number>, what: string, { classes }: Loss, outputs: number): void {
  const wanted = classes ? 1 : outputs
  if (target.length !== wanted)
    fail('A704', `${what} has ${target.length} labels, the loss takes ${wanted}`, {
      hint: classes ? 'a sample has the number of one class' : 'a sample has a value for each output',
    })
  const [label] = Array.from(target)
  if (classes && !(Number.isInteger(label) && label! >= 0 && label! < outputs))
    fail('A704', `${what} has the label ${label}; the model has ${outputs} classes, numbered from 0`, {
      hint: 'give the network as many outputs as there are classes; --classes N gives a trained model a new last layer',
    })
}

/** What ids may be, by the name of their input: those that are places in tables, such as of embeddings. */
export const tablesOf = ({ graph, data, ranges }: TrainableModel): ReadonlyMap<string, Range> =>
  new Map([...(ranges ?? lookupRanges(graph))].filter(([name]) => data.includes(name)))

/** A704 for an id outside of its table: the nearest row would be trained in its place. `what` names the sample. */
export function checkIds(
  sample: Readonly<Record<string, Tensor>>,
  tables: ReadonlyMap<string, Range>,
  what: string,
): void {
  for (const [name, [low, high]] of tables) {
    const found = outsideOf(sample[name]!, [low, high])
    if (found)
      fail('A704', `${what}: element ${found.at} of input "${name}" is ${found.id}, outside of its table`, {
        hint: `the table has the rows ${low} to ${high}`,
      })
  }
}
