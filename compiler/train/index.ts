export {
  augmented,
  layoutOf,
  pictureLayout,
  type Augmentation,
  type AugmentOptions,
  type Layout,
} from './augment/index.ts'
export { checkpointArrays, checkpointFrom, fingerprintOf } from './loop/checkpoint.ts'
export { checkFit } from './loop/check-fit.ts'
export {
  fit,
  type Best,
  type Checkpoint,
  type Epoch,
  type Fit,
  type FitHooks,
  type FitOptions,
  type StepEvent,
} from './loop/fit.ts'
export { partedTeacher } from './distill/parted.ts'
export { importedTeacher, teacherFor, teacherHash, type Distillation, type Teacher } from './distill/teacher.ts'
export { partedAtFront, runFront, type RunFront } from './model/front.ts'
export { shareInterval } from './loop/interval.ts'
export { meanGradients } from './loop/mean-gradients.ts'
export { losses, type Loss, type LossName } from './losses/index.ts'
export { parameterCount, type Parameter, type TrainableModel } from './model/model.ts'
export { initialize, type Fan, type Initializer } from './network/initializers.ts'
export { trainableNetwork, type Network } from './network/index.ts'
export { adamw, adamwSettings, sgd, type AdamWOptions, type Optimizer } from './optimizers/index.ts'
export { shuffled } from './loop/order.ts'
export { checkIds, checkTarget, samplesOf, tablesOf, type Sample, type Samples } from './loop/samples.ts'
export { sparseParameters, type SparsifyOptions } from './loop/sparsity.ts'
export { standalonePrediction, standaloneStep } from './step/standalone.ts'
export { schedules, type ScheduleName } from './schedules/index.ts'
export { isBetter, judgeOf, scorer, shareOf, type Score } from './loop/score.ts'
export { checkLoss, scoreShape, scoresOf } from './model/scores.ts'
export { ports } from './model/ports.ts'
export { trainingStep } from './step/step.ts'
export type { StepProgram } from './step/update.ts'
export { inferenceOf, startingGraph, tensorsOf, trainedGraph, withValues } from './model/trained.ts'
export {
  importForTraining,
  trainableModel,
  weightsOf,
  type ImportedModel,
  type TrainableOptions,
} from './model/from-onnx.ts'
