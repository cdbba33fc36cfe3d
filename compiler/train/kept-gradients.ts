import type { TypedArray } from '../core/dtype.ts'
import type { Executor, Instance } from '../core/executor.ts'
import { writeBatch, writeScalar } from './batches.ts'
import type { FitOptions } from './fit.ts'
import type { TrainableModel } from './model.ts'
import type { Optimizer } from './optimizers/index.ts'
import { shuffled } from './order.ts'
import type { Samples } from './samples.ts'
import { ports } from './ports.ts'
import { trainingStep } from './step.ts'

const slot = 'gradient'
const keeping: Optimizer = {
  slots: [slot],
  formulas: () => ({}),
  scalars: () => ({}),
  update: (_, { value, gradient }) => ({ value, slots: [gradient] }),
}

/** The step of a training that leaves parameters as they are. */
export interface KeptGradients {
  /** Parameters and running statistics among others; each run changes the latter. */
  readonly state: Instance['state']
  /** Takes the gradients of a batch of the first epoch, by its number. */
  run(samples: Samples, batch: number): Promise<void>
  /** Those of a parameter in the last run; undefined where it is frozen. */
  gradients(parameter: string): TypedArray | undefined
}

export async function keptGradients(
  model: TrainableModel,
  options: FitOptions,
  executor: Executor,
): Promise<KeptGradients> {
  const { batch: size, classWeights, seed } = options
  const program = trainingStep(model, { ...options, optimizer: keeping, clipNorm: undefined, average: false })
  const instance = await executor.instantiate(program.graph, program.state, program.start)
  return {
    state: instance.state,
    async run(samples, batch) {
      const chosen = shuffled(samples.count, seed, 0).subarray(batch * size, (batch + 1) * size)
      const weightOf = ({ target }: { target: ArrayLike<number> }): number => classWeights?.[target[0]!] ?? 1
      await writeBatch(instance.inputs, model.data, samples, chosen, 0, weightOf)
      writeScalar(instance.inputs, ports.counter, batch)
      instance.run()
    },
    gradients: (parameter) => instance.state[ports.slot(parameter, slot)],
  }
}
