import { Builder } from '../../core/builder.ts'
import * as f from '../../core/scalar/formula.ts'
import type { Port } from '../../core/graph.ts'
import { batchGradients, trainedParameters, type GradientOptions } from './gradients.ts'
import { statisticsOf, type TrainableModel } from '../model/model.ts'
import { input, ports } from '../model/ports.ts'
import { programOf, updates, type StepProgram, type UpdateOptions } from './update.ts'

/**
 * What the samples of a micro-batch add to a step. Inputs are those of `trainingStep` but for the scalars; parameters are states that stay
 * as they are. Outputs are `sum`, `correct`, for each parameter that is trained its `gradient`, of Σ weight · loss, and for each running
 * statistic what it takes in, `observed`.
 */
export function gradientProgram(model: TrainableModel, options: GradientOptions): StepProgram {
  const b = new Builder(undefined)
  const weight = input(ports.weight, 'f32', [options.batch])
  const { inputs, sum, correct, gradients, observed } = batchGradients(b, model, options, weight.value, weight.value)
  const outputs: Port[] = [
    { name: ports.sum, value: sum },
    ...(correct ? [{ name: ports.correct, value: correct }] : []),
    ...trainedParameters(model, options).map(({ name }, i) => ({ name: ports.gradient(name), value: gradients[i]! })),
    ...observed.map(({ statistic, value }) => ({ name: ports.observed(statistic.name), value })),
  ]
  const read = [...model.parameters, ...(options.frozenStatistics ? statisticsOf(model.normalizations) : [])]
  const states = read.map(({ name, value, start }) => ({ name, value, next: value, start }))
  return programOf([...inputs, weight], outputs, states)
}

/**
 * The end of a step. Inputs are sums over micro-batches, named as the outputs of `gradientProgram`, `total` f32[], the weight of all
 * samples, `batches` f32[], how many micro-batches were summed, and the optimizer's scalars. Running statistics take in the mean of what
 * the micro-batches observed. The output is `loss` f32[], Σ weight · loss / Σ weight. Where it is not finite, everything stays as it was.
 */
export function updateProgram(model: TrainableModel, options: GradientOptions & UpdateOptions): StepProgram {
  const b = new Builder(undefined)
  const [sum, total, batches] = [ports.sum, ports.total, ports.batches].map((name) => input(name, 'f32', []))
  const trained = trainedParameters(model, options)
  const sums = trained.map(({ name, value: { type } }) => input(ports.gradient(name), type.dtype, type.shape))
  const running = options.frozenStatistics ? [] : model.normalizations
  const seen = running.flatMap(({ mean, variance, momentum }) =>
    [mean, variance].map((statistic) => {
      const { dtype, shape } = statistic.value.type
      return { statistic, momentum, port: input(ports.observed(statistic.name), dtype, shape) }
    }),
  )
  const mean = b.map([sum!.value, total!.value], (s, n) => f.div(s, f.max(n, 1e-20)))
  const { states, scalars } = updates(b, model, options, {
    gradients: sums.map(({ value }) => b.map([value, total!.value], (g, n) => f.div(g, f.max(n, 1e-20)))),
    observed: seen.map(({ port, ...rest }) => ({
      ...rest,
      value: b.map([port.value, batches!.value], (s, n) => f.div(s, n)),
    })),
    mean,
  })
  // A model without running statistics does not read `batches`.
  const inputs = [sum!, total!, ...(seen.length > 0 ? [batches!] : []), ...sums, ...seen.map(({ port }) => port)]
  return programOf([...inputs, ...scalars], [{ name: ports.loss, value: mean }], states)
}
