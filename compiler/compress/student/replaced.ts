import { applyPatch, topological, type Patch, type Port } from '../../core/graph.ts'
import type { Parameter, TrainableModel } from '../../train/index.ts'

/** The model with other values in place of some, which may use new parameters. Parameters and all else that is not used any more are gone. */
export function replaced(model: TrainableModel, patch: Patch, made: readonly Parameter[] = []): TrainableModel {
  const { graph, normalizations, dropouts } = model
  const followed = [
    ...[graph.outputs[0]!.value, model.scores],
    ...normalizations.map(({ x }) => x),
    ...dropouts.flatMap(({ x, value }) => [x, value]),
  ]
  const outputs = followed.map((value, i): Port => ({ name: `${i}`, value }))
  const [output, scores, ...places] = applyPatch({ inputs: [], outputs }, patch).outputs.map(({ value }) => value)
  const used = new Set(topological([output!, scores!]).flatMap(({ results }) => results))
  const parameters = [...model.parameters, ...made].filter(({ value }) => used.has(value))
  const kept = new Set(parameters.map(({ name }) => name))
  const statistics = new Set(
    normalizations.filter(({ mean }) => used.has(mean.value)).flatMap((n) => [n.mean.name, n.variance.name]),
  )
  const inputs = [...graph.inputs, ...made.map(({ name, value }): Port => ({ name, value }))].filter(
    ({ name }) => model.data.includes(name) || kept.has(name) || statistics.has(name),
  )
  const behind = places.slice(normalizations.length)
  return {
    ...model,
    graph: { inputs, outputs: [{ ...graph.outputs[0]!, value: output! }] },
    parameters,
    scores: scores!,
    normalizations: normalizations.flatMap((normalization, i) =>
      statistics.has(normalization.mean.name) ? [{ ...normalization, x: places[i]! }] : [],
    ),
    dropouts: dropouts.flatMap((dropout, i) => {
      const [x, value] = behind.slice(2 * i, 2 * i + 2)
      return used.has(value!) ? [{ ...dropout, x: x!, value: value! }] : []
    }),
  }
}
