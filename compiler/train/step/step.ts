import { Builder } from '../../core/builder.ts'
import * as f from '../../core/scalar/formula.ts'
import { batchGradients, type GradientOptions } from './gradients.ts'
import type { TrainableModel } from '../model/model.ts'
import { input, ports } from '../model/ports.ts'
import { programOf, updates, type StepProgram, type UpdateOptions } from './update.ts'

export type StepOptions = GradientOptions & UpdateOptions

/**
 * One step of training as a graph: prediction, loss, gradients and updates of a batch. Inputs are the model's data with a
 * leading batch axis, `target`, `weight` f32[N] for each sample (0 for those that fill up the last batch), `counter` u32[] for
 * random numbers, and the optimizer's scalars. Outputs are `loss` f32[], Σ weight · loss / Σ weight, and `correct` f32[], the
 * weight of samples that are right. Where the loss is not finite, everything stays as it was.
 */
export function trainingStep(model: TrainableModel, options: StepOptions): StepProgram {
  const b = new Builder(undefined)
  const weight = input(ports.weight, 'f32', [options.batch])
  const total = b.reduce('add', weight.value, [0])
  const share = b.map([weight.value, total], (w, n) => f.div(w, f.max(n, 1e-20)))
  const { inputs, sum, correct, ...found } = batchGradients(b, model, options, weight.value, share)
  const mean = b.map([sum, total], (s, n) => f.div(s, f.max(n, 1e-20)))
  const { states, scalars } = updates(b, model, options, { ...found, mean })
  const outputs = [{ name: ports.loss, value: mean }, ...(correct ? [{ name: ports.correct, value: correct }] : [])]
  return programOf([...inputs, weight, ...scalars], outputs, states)
}
