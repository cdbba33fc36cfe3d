import { evaluator, type ParallelExecutor } from '../../compiler/core/executor.ts'
import { tensorsOf, type Fit, type Sample, type TrainableModel } from '../../compiler/train/index.ts'
import { trainableNetwork, sequential, type Layer } from '../../compiler/train/network/index.ts'
import { Random } from '../support/random.ts'

export const networkOf = (layers: readonly Layer[], shape: readonly number[], activation?: 'softmax') =>
  trainableNetwork(sequential(layers), { input: { dtype: 'f32', shape }, activation, seed: 3 })

/** The values that a model starts from. */
export const startOf = (model: TrainableModel): Fit['best']['values'] =>
  Object.fromEntries(tensorsOf(model).map(({ name, start }) => [name, start.data]))

/** Noise with a brighter part, whose place is the class. */
export function spots(count: number, seed: number, shape: readonly number[], classes = 3): Sample[] {
  const random = new Random(seed)
  const size = shape.reduce((product, d) => product * d, 1)
  return Array.from({ length: count }, (_, i) => {
    const label = i % classes
    const bright = (at: number): boolean => Math.floor((at * classes) / size) === label
    const input = Float32Array.from({ length: size }, (_, at) => 2 * random.float() - 1 + (bright(at) ? 0.6 : 0))
    return { inputs: { input }, target: [label] }
  })
}

/** Needs no compilation. */
export const evaluating: ParallelExecutor = {
  ...evaluator,
  workers: 1,
  replicate: async (...given) => [await evaluator.instantiate(...given)],
}
