import { fail, type Origin } from '../../core/diagnostics/diagnostic.ts'
import type { TypedArray } from '../../core/scalar/dtype.ts'
import type { Executor, Instance } from '../../core/executor.ts'
import { nodesOf, type Port } from '../../core/graph.ts'
import { batch } from '../../transform/batch.ts'
import type { Teacher } from '../distill/teacher.ts'
import { statisticsOf, type TrainableModel } from '../model/model.ts'

const hint = 'lower the learning rate, clip gradients (clipNorm), or look at the data for values far from the others'

/**
 * Says where numbers stop being finite in the batch that stands in `inputs`: in the data, a parameter, the first layer whose result is not,
 * or the teacher. @throws CompileError A701, always.
 */
export async function diverged(
  model: TrainableModel,
  { inputs, state }: Pick<Instance, 'inputs' | 'state'>,
  step: number,
  loss: number,
  executor: Executor,
  teacher?: Teacher,
): Promise<never> {
  const refuse = (where: string, origin?: Origin): never =>
    fail('A701', `the loss is ${loss} at step ${step}: ${where}`, { hint, ...(origin && { origin }) })
  for (const name of model.data) if (!isFinite(inputs[name]!)) refuse(`the data of input "${name}" is not finite`)
  const kept = [...model.parameters, ...statisticsOf(model.normalizations)]
  for (const { name } of kept) if (!isFinite(state[name]!)) refuse(`"${name}" is not finite`)

  const rows = inputs[model.data[0]!]!.length / sizeOf(model, model.data[0]!)
  const layers = new Map<string, { readonly origin: Origin; readonly port: Port }>()
  for (const { origin, results } of nodesOf(model.graph)) {
    const value = results[0]!
    if (origin && value.type.dtype === 'f32') layers.set(origin.node, { origin, port: { name: origin.node, value } })
  }
  const ports = [...layers.values()].map(({ port }) => port)
  const { graph } = batch({ inputs: model.graph.inputs, outputs: ports }, rows, new Set(model.data))
  const forward = await executor.instantiate(graph, {}, {})
  for (const name of model.data) forward.inputs[name]!.set(inputs[name] as never)
  for (const { name } of kept) forward.inputs[name]!.set(state[name] as never)
  const outputs = forward.run()
  for (const { origin } of layers.values())
    if (!isFinite(outputs[origin.node]!)) refuse(`the result of "${origin.node}" is not finite`, origin)
  if (teacher) {
    const { graph } = batch(teacher.graph, rows)
    const taught = await executor.instantiate(graph, {}, {})
    for (const { name } of graph.inputs) taught.inputs[name]!.set(inputs[name] as never)
    if (Object.values(taught.run()).some((scores) => !isFinite(scores)))
      refuse('the scores of the teacher are not finite')
  }
  return refuse('the scores are too large for the loss')
}

const sizeOf = (model: TrainableModel, name: string): number =>
  model.graph.inputs.find((port) => port.name === name)!.value.type.shape.reduce((a, d) => a * d, 1)

const isFinite = (values: TypedArray): boolean => {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(Number(values[i]))) return false
  return true
}
