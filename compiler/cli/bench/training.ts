import type { Training, Trainee } from '../../bench/index.ts'
import type { Settings } from '../../config/schema.ts'
import type { PortSpec, Tensor } from '../../index.ts'
import type { FitOptions } from '../../train/index.ts'
import type { ShapeOptions } from '../options.ts'
import type { Terminal } from '../terminal.ts'
import { fitOptions, prepare, type Prepared } from '../train/prepare.ts'
import { readConfig } from '../train/settings.ts'

/** Steps whose losses are compared with those of other systems. */
const comparedSteps = 3

/** A step of the training that a configuration describes, on a random batch: its module, and what it is given. */
export async function compiledStep(
  path: string,
  options: ShapeOptions & { readonly seed: number },
  terminal: Terminal,
) {
  const { compile } = await import('../../index.ts')
  const { ports, trainingStep } = await import('../../train/index.ts')
  const settings = await readConfig(path)
  const prepared = await prepare(settings, options)
  const fitting = await fitOptions(settings, prepared, undefined)
  const average = fitting.average !== undefined
  const { graph, state, start } = trainingStep(prepared.model, { ...fitting, average })
  const compiled = await compile({ graph, metadata: {} }, { state, stateStart: start, onPhase: terminal.status })
  const scalars = Array.from({ length: comparedSteps }, (_, i) => ({
    ...fitting.optimizer.scalars({ step: i + 1, learningRate: fitting.learningRate }),
    ...(average && { decay: fitting.average }),
  }))
  const named = scalars.map((values) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [ports.scalar(name), value])),
  )
  const training: Training = {
    inputs: await inputsOf(compiled.spec.inputs, prepared, named[0]!, options.seed),
    ...{ scalars: named, loss: ports.loss },
  }
  return { compiled, training, trainee: () => traineeOf(settings, prepared, fitting) }
}

/** A batch at random: numbers in [-1, 1), ids within their tables, classes of all kinds; every sample counts 1. */
async function inputsOf(
  inputs: readonly PortSpec[],
  { model, loss: name }: Prepared,
  scalars: Readonly<Record<string, number>>,
  seed: number,
): Promise<Record<string, Tensor>> {
  const { randomInputs } = await import('../../data/index.ts')
  const { isBigInt, tensorOf, toNumbers } = await import('../../index.ts')
  const { losses, ports, scoreShape, scoresOf } = await import('../../train/index.ts')
  const drawn = randomInputs(inputs, seed)
  // Of the integers from 0 to 65535, as many as are asked for.
  const digits = randomInputs(
    inputs.map((port) => ({ ...port, dtype: 'u16' })),
    seed,
  )
  const outOf = ({ name, dtype, shape }: PortSpec, from: number, count: number): Tensor => {
    const values = toNumbers(digits[name]!).map((value) => from + (value % count))
    return tensorOf(dtype, shape, isBigInt(dtype) ? values.map(BigInt) : values)
  }
  const [classes] = scoreShape(scoresOf(model, name).type.shape)
  const valueOf = (port: PortSpec): Tensor => {
    const { dtype, shape, range } = port
    const constant = (value: number): Tensor =>
      tensorOf(
        dtype,
        shape,
        toNumbers(drawn[port.name]!).map(() => value),
      )
    if (port.name === ports.weight) return constant(1)
    if (port.name === ports.counter) return constant(0)
    if (port.name === ports.target && losses[name].classes)
      // Mixed samples have a probability for each class.
      return dtype === 'i32' ? outOf(port, 0, classes!) : constant(1 / classes!)
    if (port.name === ports.target && losses[name].activation === 'sigmoid') return outOf(port, 0, 2)
    const scalar = scalars[port.name]
    if (scalar !== undefined) return constant(scalar)
    return range ? outOf(port, Math.max(0, range[0]), range[1] - Math.max(0, range[0]) + 1) : drawn[port.name]!
  }
  return Object.fromEntries(inputs.map((port) => [port.name, valueOf(port)]))
}

/** The training for other systems, as far as they have its parts. */
async function traineeOf(
  { train = {} }: Settings,
  { model, loss }: Prepared,
  { batch, learningRate, frozen, softTargets, distillation }: FitOptions,
): Promise<Omit<Trainee, 'folder'>> {
  const { adamwSettings, inferenceOf, parameterCount, ports, scoresOf, trainedGraph } =
    await import('../../train/index.ts')
  const { optimizer = { name: 'adamw' as const } } = train
  const { name, ...details } = optimizer
  const beyond = [
    ...(loss === 'cross-entropy' ? [] : [`the loss ${loss}`]),
    ...(name === 'adamw' ? [] : [`the optimizer ${name}`]),
    ...(model.normalizations.length > 0 ? ['batch normalization in training'] : []),
    ...(model.dropouts.length > 0 ? ['dropout'] : []),
    ...(frozen && frozen.size > 0 ? ['frozen parameters'] : []),
    ...(['labelSmoothing', 'clipNorm', 'average'] as const).filter((field) => train[field] !== undefined),
    ...(softTargets ? ['mixed samples'] : []),
    ...(distillation ? ['a teacher'] : []),
    ...(model.data.length === 1 ? [] : ['several inputs']),
  ]
  const values = Object.fromEntries(model.parameters.map((p) => [p.name, p.start.data]))
  const outputs = [{ name: 'scores', value: scoresOf(model, loss) }]
  return {
    graph: inferenceOf(trainedGraph({ ...model, graph: { ...model.graph, outputs } }, values).graph, batch),
    parameters: parameterCount(model.parameters),
    target: ports.target,
    adamw: { learningRate, ...adamwSettings(details) },
    beyond: beyond[0],
  }
}
