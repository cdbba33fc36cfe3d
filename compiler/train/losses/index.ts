import { binaryCrossEntropy } from './binary-cross-entropy.ts'
import type { Loss } from './loss.ts'
import { meanSquaredError } from './mean-squared-error.ts'
import { softmaxCrossEntropy } from './softmax-cross-entropy.ts'

export const losses = {
  'cross-entropy': softmaxCrossEntropy,
  'binary-cross-entropy': binaryCrossEntropy,
  'mean-squared-error': meanSquaredError,
} satisfies Record<string, Loss>

export type LossName = keyof typeof losses
export type { Loss, LossOptions, Target } from './loss.ts'
export { targetFrom, targetType } from './target.ts'
