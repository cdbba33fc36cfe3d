/** A training step and the prediction as programs that stand alone: somebody else's loop runs them, such as a page's. */
import { Builder } from '../../core/builder.ts'
import { fail } from '../../core/diagnostics/diagnostic.ts'
import { convert } from '../../core/scalar/expr.ts'
import * as f from '../../core/scalar/formula.ts'
import { applyPatch, type Port, type Value } from '../../core/graph.ts'
import { zeros } from '../../core/tensor.ts'
import { statisticsOf, type TrainableModel } from '../model/model.ts'
import { input, ports } from '../model/ports.ts'
import { trainingStep, type StepOptions } from './step.ts'
import { merged, tensorsOf } from '../model/trained.ts'
import { programOf, type State, type StepProgram } from './update.ts'

export type StandaloneOptions = Omit<StepOptions, 'average'>

/** The step's own ports are called without their prefix: `target`, `m dense1.weight`. */
const plain = (name: string): string => name.replace(/^attar:/, '')

/** What does not change between steps, with its value. */
const fixedIn = (model: TrainableModel, { frozen, frozenStatistics }: StandaloneOptions) => {
  const statistics = new Set(statisticsOf(model.normalizations).map(({ name }) => name))
  return tensorsOf(model).filter(({ name }) => (statistics.has(name) ? frozenStatistics : frozen?.has(name)))
}

/**
 * One step of training. Inputs are the model's own, with the batch as first axis, `target` where it is labels, `weight` f32[N] of each sample,
 * and `learningRate` f32[]. Outputs are `loss` f32[] and `correct` f32[] as of `trainingStep`. States are `step` u32[], how many steps there were,
 * from which all else follows that depends on it, the parameters that are trained, running statistics, and what the optimizer keeps of
 * a parameter, `SLOT PARAMETER`. All other parameters are constants.
 * @throws CompileError A702 where the model's own names are among these.
 */
export function standaloneStep(model: TrainableModel, options: StandaloneOptions): StepProgram {
  const { graph, state, start } = trainingStep(model, options)
  const b = new Builder(undefined)
  const [rate, count] = [input('learningRate', 'f32', []), input('step', 'u32', [])]
  const next = b.map([count.value], (c) => f.add(c, 1))
  const patch = new Map<Value, Value>()
  const given = (name: string): Value | undefined => graph.inputs.find((port) => port.name === name)?.value

  const names = Object.keys(options.optimizer.scalars({ step: 1, learningRate: 1 }))
  for (const name of names) {
    const value = b.map([next, rate.value], (n, r) =>
      convert(options.optimizer.formulas(convert(n, 'f64'), convert(r, 'f64'))[name]!, 'f32'),
    )
    patch.set(given(ports.scalar(name))!, value)
  }
  const counter = given(ports.counter)
  if (counter) patch.set(counter, count.value)
  const fixed = fixedIn(model, options)
  for (const tensor of fixed) patch.set(given(tensor.name)!, b.constant(tensor.start))

  const data = model.data.map((name): Port => {
    const value = given(name)!
    const port = input(name, value.type.dtype, merged(value.type.shape))
    patch.set(value, b.reshape(port.value, value.type.shape))
    return port
  })
  const constant = new Set(fixed.map(({ name }) => name))
  const kept = Object.entries(state).filter(([name]) => !constant.has(name))
  const becomes = new Set(Object.values(state))
  const [loss] = graph.outputs as readonly [Port]
  const steps = b.map([loss.value, next, count.value], (l, n, c) => f.select(f.lt(f.abs(l), Infinity), n, c))
  const own = (name: string): Port => ({ name: plain(name), value: given(name)! })
  const after = (name: string): Value => graph.outputs.find((port) => port.name === name)!.value
  return program(
    [...data, ...(given(ports.target) ? [own(ports.target)] : []), own(ports.weight), rate],
    graph.outputs.filter(({ name }) => !becomes.has(name)).map(({ name, value }) => ({ name: plain(name), value })),
    [
      { ...count, next: steps, start: zeros('u32', []) },
      ...kept.map(([name, to]) => ({ ...own(name), next: after(to), start: start[name]! })),
    ],
    patch,
  )
}

/** The prediction for one sample. States are what `standaloneStep` changes of the model, by the same names. */
export function standalonePrediction(model: TrainableModel, options: StandaloneOptions): StepProgram {
  const b = new Builder(undefined)
  const fixed = fixedIn(model, options)
  const constant = new Set(fixed.map(({ name }) => name))
  const kept = tensorsOf(model).filter(({ name }) => !constant.has(name))
  return program(
    model.graph.inputs.filter(({ name }) => model.data.includes(name)),
    model.graph.outputs,
    kept.map(({ name, value, start }) => ({ name, value, next: value, start })),
    new Map(fixed.map(({ value, start }) => [value, b.constant(start)])),
  )
}

function program(
  inputs: readonly Port[],
  outputs: readonly Port[],
  states: readonly State[],
  patch: ReadonlyMap<Value, Value>,
): StepProgram {
  const { graph, ...rest } = programOf(inputs, outputs, states, (name) => `next ${name}`)
  for (const all of [graph.inputs, graph.outputs]) {
    const names = all.map(({ name }) => name)
    const twice = names.find((name, i) => names.indexOf(name) !== i)
    if (twice !== undefined)
      fail('A702', `the model has "${twice}", and so has the training step`, {
        hint: 'give the model’s own another name',
      })
  }
  return { ...rest, graph: applyPatch(graph, patch) }
}
