import { Builder } from '../../core/builder.ts'
import { convert } from '../../core/scalar/expr.ts'
import type { TypedArray } from '../../core/scalar/dtype.ts'
import type { ParallelExecutor } from '../../core/executor.ts'
import * as f from '../../core/scalar/formula.ts'
import type { Graph, Port, Value } from '../../core/graph.ts'
import { batch } from '../../transform/batch.ts'
import { sumOf, writeBatch } from './batches.ts'
import { fill } from './fill.ts'
import { labelTerm, teacherTerm, type ObjectiveOptions } from '../distill/objective.ts'
import { statisticsOf, type TrainableModel } from '../model/model.ts'
import { input, ports } from '../model/ports.ts'
import { runAll } from './replicas.ts'
import type { Samples } from './samples.ts'
import { flattened, scoresOf } from '../model/scores.ts'

export interface Score {
  /** The mean over all samples. */
  readonly loss: number
  /** The share of samples that are right; undefined for regression, and without labels. */
  readonly accuracy?: number
  /** The share of samples to which the teacher gives the same answer; undefined for regression, and without a teacher. */
  readonly agreement?: number
}

/** What a model is chosen by where there are classes. */
export const shareOf = ({ accuracy, agreement }: Score): number | undefined => accuracy ?? agreement

/** Whether `a` is better than `b`: by accuracy, or agreement, where there are classes, among equals by loss. */
export function isBetter(a: Score, b: Score): boolean {
  const [one, other] = [shareOf(a), shareOf(b)]
  return one !== undefined && other !== undefined && one !== other ? one > other : a.loss < b.loss
}

/** What a training is validated by: what is asked for, labels, or where there are none the teacher. */
export const judgeOf = ({ loss, distillation }: ScoreOptions): ScoreOptions => ({
  loss,
  distillation: distillation?.labels === false ? distillation : undefined,
})

/** Measures a model on data sets. */
export interface Scorer {
  /** Makes these its parameters and running statistics. A502 where one is missing, or of another kind or length. */
  load(values: Readonly<Record<string, TypedArray>>): void
  /** `right`, where it is given, becomes 1 for each sample that is right, or without labels answered as the teacher does, else 0. */
  score(samples: Samples, right?: Uint8Array): Promise<Score>
}

/** What samples are scored by. */
export type ScoreOptions = Pick<ObjectiveOptions, 'loss' | 'distillation'>

/** A scorer that takes `size` samples at a time. With a teacher it measures the agreement with it, too. */
export async function scorer(
  model: TrainableModel,
  size: number,
  options: ScoreOptions,
  executor: ParallelExecutor,
): Promise<Scorer> {
  const b = new Builder(undefined)
  const { loss, distillation } = options
  const source = scoresOf(model, loss)
  const batched = batch(
    { inputs: model.graph.inputs, outputs: [{ name: 'scores', value: source }] },
    size,
    new Set(model.data),
  )
  const scores = flattened(b, batched.value(source).value)
  const data = model.data.map((name) => batched.graph.inputs.find((port) => port.name === name)!.value)
  const teacher = distillation && teacherTerm(b, scores, data, { loss, distillation })
  const labels = distillation?.labels === false ? undefined : labelTerm(b, scores, { loss })
  const weight = input(ports.weight, 'f32', [size])
  const share = (name: string, right: Value | undefined): Port[] =>
    right ? [{ name, value: b.map([right, weight.value], (r, w) => f.mul(convert(r, 'f32'), w)) }] : []
  const shares = [...share(ports.correct, labels?.correct), ...share(ports.agreed, teacher?.correct)]
  const { perSample } = (labels ?? teacher)!
  const kept = [...model.parameters, ...statisticsOf(model.normalizations)]
  const next = (name: string): string => ports.next(name)
  const graph: Graph = {
    inputs: [...batched.graph.inputs, ...(labels ? [labels.target] : []), weight],
    outputs: [
      { name: ports.loss, value: b.binary('mul', perSample, weight.value) },
      ...shares,
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
    async score(samples, right) {
      const sums = new Map<string, number>()
      const add = (name: string, by: number): unknown => sums.set(name, (sums.get(name) ?? 0) + by)
      await runAll(
        replicas,
        Math.ceil(samples.count / size),
        async (inputs, i) => {
          const length = Math.min(size, samples.count - i * size)
          const chosen = Array.from({ length }, (_, row) => i * size + row)
          await writeBatch(inputs, model.data, samples, chosen, 0)
        },
        (outputs, i) => {
          for (const name of [ports.loss, ...shares.map((port) => port.name)]) add(name, sumOf(outputs[name]!))
          const each = outputs[ports.correct] ?? outputs[ports.agreed]
          if (right && each)
            right.set(Uint8Array.from(each as Float32Array).subarray(0, samples.count - i * size), i * size)
        },
      )
      const mean = (name: string): number => sums.get(name)! / samples.count
      return {
        loss: mean(ports.loss),
        ...(sums.has(ports.correct) && { accuracy: mean(ports.correct) }),
        ...(sums.has(ports.agreed) && { agreement: mean(ports.agreed) }),
      }
    },
  }
}
