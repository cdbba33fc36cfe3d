export {
  augmented,
  layoutOf,
  pictureLayout,
  type Augmentation,
  type AugmentOptions,
  type Layout,
} from './augment/index.ts'
export { checkpointArrays, checkpointFrom, fingerprintOf } from './checkpoint.ts'
export { checkFit } from './check-fit.ts'
export {
  fit,
  type Best,
  type Checkpoint,
  type Epoch,
  type Fit,
  type FitHooks,
  type FitOptions,
  type StepEvent,
} from './fit.ts'
export { partedTeacher } from './distill/parted.ts'
export { importedTeacher, teacherFor, teacherHash, type Distillation, type Teacher } from './distill/teacher.ts'
export { partedAtFront, runFront, type RunFront } from './front.ts'
export { shareInterval } from './interval.ts'
export { meanGradients } from './mean-gradients.ts'
export { losses, type Loss, type LossName } from './losses/index.ts'
export { parameterCount, type Parameter, type TrainableModel } from './model.ts'
export { initialize, type Fan, type Initializer } from './network/initializers.ts'
export { trainableNetwork, type Network } from './network/index.ts'
export { adamw, adamwSettings, sgd, type AdamWOptions, type Optimizer } from './optimizers/index.ts'
export { shuffled } from './order.ts'
export { checkIds, checkTarget, samplesOf, tablesOf, type Sample, type Samples } from './samples.ts'
export { sparseParameters, type SparsifyOptions } from './sparsity.ts'
export { standalonePrediction, standaloneStep } from './standalone.ts'
export { schedules, type ScheduleName } from './schedules/index.ts'
export { isBetter, judgeOf, scorer, shareOf, type Score } from './score.ts'
export { checkLoss, scoreShape, scoresOf } from './scores.ts'
export { ports } from './ports.ts'
export { trainingStep } from './step.ts'
export type { StepProgram } from './update.ts'
export { inferenceOf, startingGraph, tensorsOf, trainedGraph, withValues } from './trained.ts'
export { importForTraining, trainableModel, weightsOf, type ImportedModel, type TrainableOptions } from './from-onnx.ts'
