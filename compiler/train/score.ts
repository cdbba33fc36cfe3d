import { Builder } from '../core/builder.ts'
import { convert } from '../core/expr.ts'
import type { Executor, Instance } from '../core/executor.ts'
import * as f from '../core/formula.ts'
import type { Graph } from '../core/graph.ts'
import { batch } from '../transform/batch.ts'
import { writeBatch } from './batches.ts'
import { losses, type LossName } from './losses/index.ts'
import type { TrainableModel } from './model.ts'
import type { Samples } from './samples.ts'
import { flattened, scoresOf } from './scores.ts'
import { input, ports, statisticsOf } from './step.ts'

export interface Score {
  /** The mean over all samples. */
  readonly loss: number
  /** The share of samples that are right; undefined for regression. */
  readonly accuracy?: number
}

/** Measures a model on data sets. `state` holds its parameters and running statistics. */
export interface Scorer {
  readonly state: Instance['state']
  score(samples: Samples): Promise<Score>
}

export async function scorer(
  model: TrainableModel,
  size: number,
  lossName: LossName,
  executor: Executor,
): Promise<Scorer> {
  const b = new Builder(undefined)
  const loss = losses[lossName]
  const source = scoresOf(model, lossName)
  const batched = batch(
    { inputs: model.graph.inputs, outputs: [{ name: 'scores', value: source }] },
    size,
    new Set(model.data),
  )
  const scores = flattened(b, batched.value(source).value)
  const type = loss.target(scores.type.shape.slice(1))
  const target = input(ports.target, type.dtype, [size, ...type.shape])
  const weight = input(ports.weight, 'f32', [size])
  const each = loss.perSample(b, scores, target.value, {})
  const right = loss.correct?.(b, scores, target.value)
  const kept = [...model.parameters, ...statisticsOf(model.normalizations)]
  const next = (name: string): string => ports.next(name)
  const graph: Graph = {
    inputs: [...batched.graph.inputs, target, weight],
    outputs: [
      { name: ports.loss, value: b.binary('mul', each, weight.value) },
      ...(right
        ? [{ name: ports.correct, value: b.map([right, weight.value], (r, w) => f.mul(convert(r, 'f32'), w)) }]
        : []),
      ...kept.map(({ name, value }) => ({ name: next(name), value })),
    ],
  }
  const instance = await executor.instantiate(
    graph,
    Object.fromEntries(kept.map(({ name }) => [name, next(name)])),
    Object.fromEntries(kept.map(({ name, start }) => [name, start])),
  )
  return {
    state: instance.state,
    async score(samples) {
      let [lost, correct] = [0, 0]
      const sum = (values: ArrayLike<number | bigint>): number => {
        let total = 0
        for (let i = 0; i < values.length; i++) total += Number(values[i])
        return total
      }
      for (let from = 0; from < samples.count; from += size) {
        const chosen = Array.from({ length: Math.min(size, samples.count - from) }, (_, i) => from + i)
        await writeBatch(instance, model.data, samples, chosen, 0)
        const outputs = instance.run()
        lost += sum(outputs[ports.loss]!)
        if (right) correct += sum(outputs[ports.correct]!)
      }
      return { loss: lost / samples.count, ...(right && { accuracy: correct / samples.count }) }
    },
  }
}
