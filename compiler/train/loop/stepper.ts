import type { Instance, ParallelExecutor } from '../../core/executor.ts'
import { accumulatingStepper } from './accumulating-stepper.ts'
import { writeBatch, writeScalar } from './batches.ts'
import { diverged } from './diverged.ts'
import type { TrainableModel } from '../model/model.ts'
import { ports } from '../model/ports.ts'
import type { Sample, Samples } from './samples.ts'
import { trainingStep, type StepOptions } from '../step/step.ts'

/** What one step of training is about. */
export interface Batch {
  readonly samples: Samples
  /** Which of them. */
  readonly chosen: Uint32Array
  readonly weightOf: (sample: Sample) => number
  readonly epoch: number
  /** Steps before this one. */
  readonly step: number
  /** The optimizer's, and the running averages' `decay`. */
  readonly scalars: Readonly<Record<string, number>>
}

export interface StepResult {
  /** The mean, by weight. */
  readonly loss: number
  /** The weight of samples that are right; 0 for regression. */
  readonly correct: number
  readonly weight: number
}

/** Makes steps of training. `state` is all that it keeps from one to the next. */
export interface Stepper extends Pick<Instance, 'state' | 'memory'> {
  /** @throws CompileError A701 where the loss is not finite: the step and the first place that is not. */
  step(batch: Batch): Promise<StepResult>
}

export interface StepperOptions extends StepOptions {
  /** Micro-batches that a batch is split into. */
  readonly accumulate: number
}

export const stepperFor = (
  model: TrainableModel,
  options: StepperOptions,
  executor: ParallelExecutor,
): Promise<Stepper> =>
  options.accumulate === 1 ? wholeStepper(model, options, executor) : accumulatingStepper(model, options, executor)

/** A step is one run of one program. */
async function wholeStepper(model: TrainableModel, options: StepOptions, executor: ParallelExecutor): Promise<Stepper> {
  const program = trainingStep(model, options)
  const instance = await executor.instantiate(program.graph, program.state, program.start)
  const { state, memory, inputs } = instance
  return {
    state,
    ...(memory && { memory }),
    async step({ samples, chosen, weightOf, epoch, step, scalars }) {
      const write = () => writeBatch(inputs, model.data, samples, chosen, epoch, weightOf)
      const weight = await write()
      for (const [name, value] of Object.entries(scalars)) writeScalar(inputs, ports.scalar(name), value)
      writeScalar(inputs, ports.counter, step)
      const outputs = instance.run()
      const loss = Number(outputs[ports.loss]![0])
      const correct = Number(outputs[ports.correct]?.[0] ?? 0)
      if (!Number.isFinite(loss)) {
        // The program's memory is shared with what a run computes.
        await write()
        return diverged(model, { inputs, state }, step + 1, loss, executor, options.distillation?.teacher)
      }
      return { loss, correct, weight }
    },
  }
}
