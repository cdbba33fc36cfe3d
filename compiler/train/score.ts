import { Builder } from '../core/builder.ts'
import { convert } from '../core/expr.ts'
import type { TypedArray } from '../core/dtype.ts'
import type { ParallelExecutor } from '../core/executor.ts'
import * as f from '../core/formula.ts'
import type { Graph } from '../core/graph.ts'
import { batch } from '../transform/batch.ts'
import { sumOf, writeBatch } from './batches.ts'
import { fill } from './fill.ts'
import { losses, type LossName } from './losses/index.ts'
import { statisticsOf, type TrainableModel } from './model.ts'
import { input, ports } from './ports.ts'
import { runAll } from './replicas.ts'
import type { Samples } from './samples.ts'
import { flattened, scoresOf } from './scores.ts'

export interface Score {
  /** The mean over all samples. */
  readonly loss: number
  /** The share of samples that are right; undefined for regression. */
  readonly accuracy?: number
}

/** By accuracy where there are classes, among equals by loss. */
export function isBetter(a: Score, b: Score): boolean {
  if (a.accuracy !== undefined && b.accuracy !== undefined && a.accuracy !== b.accuracy) return a.accuracy > b.accuracy
  return a.loss < b.loss
}

/** Measures a model on data sets. */
export interface Scorer {
  /** Makes these its parameters and running statistics. A502 where one is missing, or of another kind or length. */
  load(values: Readonly<Record<string, TypedArray>>): void
  score(samples: Samples): Promise<Score>
}

export async function scorer(
  model: TrainableModel,
  size: number,
  lossName: LossName,
  executor: ParallelExecutor,
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
  const replicas = await executor.replicate(
    graph,
    Object.fromEntries(kept.map(({ name }) => [name, next(name)])),
    Object.fromEntries(kept.map(({ name, start }) => [name, start])),
  )
  return {
    load(values) {
      for (const { state } of replicas) fill(state, values)
    },
    async score(samples) {
      let [lost, correct] = [0, 0]
      await runAll(
        replicas,
        Math.ceil(samples.count / size),
        async (inputs, i) => {
          const length = Math.min(size, samples.count - i * size)
          const chosen = Array.from({ length }, (_, row) => i * size + row)
          await writeBatch(inputs, model.data, samples, chosen, 0)
        },
        (outputs) => {
          lost += sumOf(outputs[ports.loss]!)
          if (right) correct += sumOf(outputs[ports.correct]!)
        },
      )
      return { loss: lost / samples.count, ...(right && { accuracy: correct / samples.count }) }
    },
  }
}
