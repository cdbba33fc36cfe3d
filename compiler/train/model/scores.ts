import type { Builder } from '../../core/builder.ts'
import { fail } from '../../core/diagnostics/diagnostic.ts'
import type { Value } from '../../core/graph.ts'
import type { Shape } from '../../core/shape.ts'
import { losses, type LossName } from '../losses/index.ts'
import type { TrainableModel } from './model.ts'

/** What the loss takes: the output where it is compared as it is, else what stands before its softmax or sigmoid. */
export const scoresOf = ({ graph, scores }: Pick<TrainableModel, 'graph' | 'scores'>, loss: LossName): Value =>
  losses[loss].activation === undefined ? graph.outputs[0]!.value : scores

/** The shape of one sample's scores: exported models have axes of length 1 for a batch or for pixels. */
export function scoreShape(shape: Shape): number[] {
  const kept = shape.filter((d) => d !== 1)
  return kept.length === 0 ? [1] : kept
}

/** Scores of a batch, [N, …], in that shape. */
export const flattened = (b: Builder, scores: Value): Value => {
  const [count, ...rest] = scores.type.shape
  return b.reshape(scores, [count!, ...scoreShape(rest)])
}

/** A702 where `loss` is not for what the model gives. */
export function checkLoss(model: TrainableModel, loss: LossName): void {
  const { activation } = losses[loss]
  const shape = scoreShape(scoresOf(model, loss).type.shape)
  if (activation !== undefined && model.activation !== undefined && model.activation !== activation)
    fail('A702', `the loss ${loss} is for a ${activation} at the end; the model has a ${model.activation}`, {
      hint: `--loss ${model.activation === 'softmax' ? 'cross-entropy' : 'binary-cross-entropy'} is for that`,
    })
  if (losses[loss].classes && (shape.length !== 1 || shape[0]! < 2))
    fail('A702', `the loss ${loss} takes a score for each of two classes or more; a sample has [${shape.join(',')}]`)
}
