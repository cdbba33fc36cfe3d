import type { Executor } from '../../core/executor.ts'
import { gradientProgram } from '../step/accumulation.ts'
import { classWeight, writeBatch, writeScalar } from './batches.ts'
import type { FitOptions } from './fit.ts'
import type { TrainableModel } from '../model/model.ts'
import { shuffled } from './order.ts'
import { ports } from '../model/ports.ts'
import type { Samples } from './samples.ts'

/** Gradients of the mean loss of a batch of the first epoch, by its number; undefined for a parameter that is frozen. */
export type MeanGradients = (batch: number) => Promise<(parameter: string) => Float32Array | undefined>

/** The gradients that a training would start with. The model stays as it is. */
export async function meanGradients(
  model: TrainableModel,
  samples: Samples,
  options: FitOptions,
  executor: Executor,
): Promise<MeanGradients> {
  const { batch: size, classWeights, seed } = options
  const program = gradientProgram(model, options)
  const { inputs, run } = await executor.instantiate(program.graph, program.state, program.start)
  const order = shuffled(samples.count, seed, 0)
  return async (batch) => {
    const chosen = order.subarray(batch * size, (batch + 1) * size)
    const weight = await writeBatch(inputs, model.data, samples, chosen, 0, classWeight(classWeights))
    writeScalar(inputs, ports.counter, batch)
    const outputs = run()
    return (parameter) => {
      const sum = outputs[ports.gradient(parameter)] as Float32Array | undefined
      return sum?.map((g) => g / weight)
    }
  }
}
