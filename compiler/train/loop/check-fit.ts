import { fail } from '../../core/diagnostics/diagnostic.ts'
import type { ParallelExecutor } from '../../core/executor.ts'
import type { Distillation } from '../distill/teacher.ts'
import type { FitOptions } from './fit.ts'
import { losses } from '../losses/index.ts'
import type { TrainableModel } from '../model/model.ts'
import { checkLoss, scoreShape } from '../model/scores.ts'

/** A702 where an option has nothing to act on. */
export function checkFit(model: TrainableModel, options: FitOptions, { workers }: ParallelExecutor): void {
  const { loss, batch, accumulate = 1, labelSmoothing, classWeights, frozen, frozenStatistics, distillation } = options
  checkLoss(model, loss)
  if (distillation) checkDistillation(distillation, options)
  if (labelSmoothing !== undefined && !losses[loss].smooths)
    fail('A702', `labelSmoothing has no effect on the loss ${loss}`)
  if (classWeights) {
    if (!losses[loss].classes) fail('A702', `classWeights have no effect on the loss ${loss}`)
    const [classes] = scoreShape(model.scores.type.shape)
    if (classWeights.length !== classes)
      fail('A702', `there are ${classWeights.length} classWeights for the model's ${classes} classes`)
  }
  if (frozenStatistics && model.normalizations.length === 0)
    fail('A702', 'freezeStatistics has no effect on a model without batch normalization')
  if (batch % accumulate !== 0)
    fail('A702', `a batch of ${batch} samples does not divide into ${accumulate} micro-batches`, {
      hint: 'make batch a multiple of accumulate',
    })
  const pieces = accumulate === 1 ? 'one piece' : `${accumulate} micro-batches`
  if (workers > accumulate)
    fail('A702', `there is no work for ${workers} workers: a batch is ${pieces}`, {
      hint: `accumulate: ${workers} (--accumulate ${workers}) gives each a micro-batch; results differ from those of whole batches`,
    })
  if (options.keep === 'last' && options.patience !== undefined)
    fail('A702', 'patience has no effect where the last epoch is kept', {
      hint: "leave out one of the two, or keep: 'best'",
    })
  if (frozen && model.parameters.every(({ name }) => frozen.has(name))) fail('A702', 'all parameters are frozen')
}

/** What is said of labels has no effect without them, and a temperature only divides scores of probabilities. */
function checkDistillation({ temperature, labels }: Distillation, options: FitOptions): void {
  const { loss } = options
  if (losses[loss].activation === undefined && temperature !== 1)
    fail('A702', `the temperature has no effect on the loss ${loss}`)
  for (const field of ['labelSmoothing', 'classWeights'] as const)
    if (!labels && options[field] !== undefined) fail('A702', `${field} has no effect without labels`)
}
