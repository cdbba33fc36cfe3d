import type { TypedArray } from '../../core/scalar/dtype.ts'
import type { Executor } from '../../core/executor.ts'
import type { Value } from '../../core/graph.ts'
import { rowMajorStrides, walk } from '../../core/shape.ts'
import { meanGradients, type FitOptions, type Samples, type TrainableModel } from '../../train/index.ts'
import type { Group } from './coupling.ts'

/** How much a group matters: more is more. */
export type Importance = ReadonlyMap<Group, number>

/** Sums over what each group has of the parameters. An element that two of its axes have counts twice. */
function sums(
  model: TrainableModel,
  groups: readonly Group[],
  of: (parameter: number, element: number) => number,
): Float64Array {
  const result = new Float64Array(groups.length)
  const numbers = new Map(model.parameters.map(({ value }, i) => [value, i]))
  const owners = new Map<Value, (Int32Array | undefined)[]>()
  groups.forEach(({ positions }, g) => {
    for (const [{ value, axis, length }, list] of positions) {
      if (!numbers.has(value)) continue
      const own = owners.get(value) ?? value.type.shape.map(() => undefined)
      owners.set(value, own)
      const along = (own[axis] ??= new Int32Array(length).fill(-1))
      for (const position of list) along[position] = g
    }
  })
  for (const [value, axes] of owners) {
    const parameter = numbers.get(value)!
    const { shape } = value.type
    walk(shape, [rowMajorStrides(shape)], ([at], index) => {
      const amount = of(parameter, at!)
      axes.forEach((along, axis) => {
        const owner = along?.[index[axis]!] ?? -1
        if (owner >= 0) result[owner]! += amount
      })
    })
  }
  return result
}

/** The root of the sum of squares of all that a group has of the parameters. */
export function magnitude(model: TrainableModel, groups: readonly Group[]): Importance {
  const data = model.parameters.map(({ start }) => start.data as Float32Array)
  const squares = sums(model, groups, (p, i) => data[p]![i]! * data[p]![i]!)
  return new Map(groups.map((group, g) => [group, Math.sqrt(squares[g]!)]))
}

/** Samples over which gradients are taken. */
export interface TaylorOptions {
  readonly samples: Samples
  /** Batches of them, from the first on. */
  readonly batches: number
  readonly fitting: FitOptions
  readonly executor: Executor
}

/**
 * What the loss would change by without the group, to the first order: |Σ weight · gradient| over what it has of the parameters
 * (Molchanov et al., 2019), as the mean over batches of training data.
 */
export async function taylor(
  model: TrainableModel,
  groups: readonly Group[],
  { samples, batches, fitting, executor }: TaylorOptions,
): Promise<Importance> {
  const gradientsOf = await meanGradients(model, samples, fitting, executor)
  const total = new Float64Array(groups.length)
  const data = model.parameters.map(({ start }) => start.data as Float32Array)
  for (let batch = 0; batch < batches; batch++) {
    const gradients = await gradientsOf(batch)
    const found = model.parameters.map(({ name }): TypedArray | undefined => gradients(name))
    const changes = sums(model, groups, (p, i) => data[p]![i]! * Number(found[p]?.[i] ?? 0))
    changes.forEach((change, g) => (total[g]! += Math.abs(change) / batches))
  }
  return new Map(groups.map((group, g) => [group, total[g]!]))
}
