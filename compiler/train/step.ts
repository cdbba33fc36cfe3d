import { Builder } from '../core/builder.ts'
import { convert } from '../core/expr.ts'
import * as f from '../core/formula.ts'
import { applyPatch, createNode, type Graph, type Port, type Value } from '../core/graph.ts'
import type { DType } from '../core/dtype.ts'
import { elementCount, type Shape } from '../core/shape.ts'
import { zeros, type Tensor } from '../core/tensor.ts'
import { batch } from '../transform/batch.ts'
import { vjp } from '../transform/gradients.ts'
import { dropoutMask } from './dropout.ts'
import { losses, type LossName, type LossOptions } from './losses/index.ts'
import type { Normalization, Parameter, TrainableModel } from './model.ts'
import { batchStatistics } from './normalization.ts'
import type { Optimizer } from './optimizers/index.ts'
import { flattened, scoresOf } from './scores.ts'

/** Names of the step's inputs and outputs beside the model's own. */
const own = (name: string): string => `attar:${name}`
export const ports = {
  target: own('target'),
  weight: own('weight'),
  counter: own('counter'),
  scalar: (name: string) => own(`scalar ${name}`),
  mask: (place: number) => own(`mask ${place}`),
  loss: own('loss'),
  correct: own('correct'),
  slot: (parameter: string, slot: string) => own(`${slot} ${parameter}`),
  average: (parameter: string) => own(`average ${parameter}`),
  next: (state: string) => own(`next ${state}`),
}

export interface StepOptions extends LossOptions {
  readonly batch: number
  readonly loss: LossName
  readonly optimizer: Optimizer
  /** Parameters that stay as they are. */
  readonly frozen?: ReadonlySet<string> | undefined
  /** Scales gradients so that their norm over all parameters is at most this. */
  readonly clipNorm?: number | undefined
  /** Keeps a running average of each parameter: the share of the old one is the scalar `decay`. */
  readonly average?: boolean | undefined
  /** Batch normalization by running statistics, which stay as they are. */
  readonly frozenStatistics?: boolean | undefined
  readonly seed: number
}

/** A program with memory: `state` names inputs that stay between runs, and the output that each becomes. */
export interface StepProgram {
  readonly graph: Graph
  readonly state: Readonly<Record<string, string>>
  readonly start: Readonly<Record<string, Tensor>>
  /** Names of the scalars that are inputs. */
  readonly scalars: readonly string[]
}

/**
 * One step of training as a graph: prediction, loss, gradients and updates of a batch. Inputs are the model's data with a
 * leading batch axis, `target`, `weight` f32[N] for each sample (0 for those that fill up the last batch), `counter` u32[] for
 * random numbers, and the optimizer's scalars. Outputs are `loss` f32[], Σ weight · loss / Σ weight, and `correct` f32[], the
 * weight of samples that are right. Where the loss is not finite, everything stays as it was.
 */
export function trainingStep(model: TrainableModel, options: StepOptions): StepProgram {
  const b = new Builder(undefined)
  const trained = model.parameters.filter(({ name }) => !options.frozen?.has(name))
  const { forward, statistics, counter } = trainingForward(b, model, options)
  const scores = flattened(b, forward.scores)
  const loss = losses[options.loss]
  const type = loss.target(scores.type.shape.slice(1))
  const target = input(ports.target, type.dtype, [options.batch, ...type.shape])
  const weight = input(ports.weight, 'f32', [options.batch])

  const total = b.reduce('add', weight.value, [0])
  const each = loss.perSample(b, scores, target.value, options)
  const sum = b.reduce('add', b.binary('mul', each, weight.value), [0])
  const mean = b.map([sum, total], (s, n) => f.div(s, f.max(n, 1e-20)))
  const share = b.map([weight.value, total], (w, n) => f.div(w, f.max(n, 1e-20)))
  const correct =
    loss.correct &&
    b.reduce(
      'add',
      b.map([loss.correct(b, scores, target.value), weight.value], (right, w) => f.mul(convert(right, 'f32'), w)),
      [0],
    )

  const cotangent = b.map(
    [loss.derivative(b, scores, target.value, options), b.broadcastInDim(share, scores.type.shape, [0])],
    (d, w) => f.mul(d, w),
  )
  const gradients = clipped(
    b,
    vjp(
      [scores],
      [cotangent],
      trained.map(({ value }) => value),
    ),
    options.clipNorm,
  )

  const scalarNames = [
    ...Object.keys(options.optimizer.scalars({ step: 1, learningRate: 1 })),
    ...(options.average ? ['decay'] : []),
  ]
  const scalars = scalarNames.map((name) => input(ports.scalar(name), 'f32', []))
  const byName = Object.fromEntries(scalarNames.map((name, i) => [name, scalars[i]!.value]))
  const finite = b.map([mean], (l) => f.lt(f.abs(l), Infinity))
  const states: { readonly port: Port; readonly next: Value; readonly start: Tensor }[] = []
  const keep = (port: Port, next: Value, start: Tensor): void => {
    states.push({ port, next: b.map([finite, next, port.value], (ok, n, o) => f.select(ok, n, o)), start })
  }
  // The last layer's first: what its update has read is free before gradients of earlier layers are computed.
  for (const [i, parameter] of [...trained.entries()].reverse()) {
    const updated = updateOf(b, parameter, gradients[i]!, options, byName)
    for (const { name, value, next, start } of updated) keep({ name, value }, next, start)
  }
  for (const { name, value, next, start } of statistics) keep({ name, value }, next, start)
  const changing = new Set(states.map(({ port }) => port.name))
  for (const { name, value, start } of [...model.parameters, ...statisticsOf(model.normalizations)]) {
    if (!changing.has(name)) states.push({ port: { name, value }, next: value, start })
  }

  const data = model.data.map((name) => forward.graph.inputs.find((port) => port.name === name)!)
  return {
    graph: {
      inputs: [...data, target, weight, ...(counter ? [counter] : []), ...scalars, ...states.map(({ port }) => port)],
      outputs: [
        { name: ports.loss, value: mean },
        ...(correct ? [{ name: ports.correct, value: correct }] : []),
        ...states.map(({ port, next }) => ({ name: ports.next(port.name), value: next })),
      ],
    },
    state: Object.fromEntries(states.map(({ port }) => [port.name, ports.next(port.name)])),
    start: Object.fromEntries(states.map(({ port, start }) => [port.name, start])),
    scalars: scalarNames,
  }
}

export const statisticsOf = (normalizations: readonly Normalization[]) =>
  normalizations.flatMap(({ mean, variance }) => [mean, variance])

export const input = (name: string, dtype: DType, shape: Shape): Port => ({
  name,
  value: createNode('input', [], { name, type: { dtype, shape } }, undefined).results[0]!,
})

interface Changed {
  readonly name: string
  readonly value: Value
  readonly next: Value
  readonly start: Tensor
}

/** The model's prediction in training mode: statistics of the batch, dropout. */
function trainingForward(b: Builder, model: TrainableModel, options: StepOptions) {
  const normalizations = options.frozenStatistics ? [] : model.normalizations
  const { graph: source, masks } = withMasks(b, model, [
    scoresOf(model, options.loss),
    ...normalizations.map(({ x }) => x),
  ])
  const batched = batch(source, options.batch, new Set([...model.data, ...masks.map(({ name }) => name)]))
  const replacements = new Map<Value, Value>()
  const counter = masks.length > 0 ? input(ports.counter, 'u32', []) : undefined
  masks.forEach(({ value }, place) => {
    const { shape } = batched.value(value).value.type
    const { ratio } = model.dropouts[place]!
    if (counter) replacements.set(value, dropoutMask(b, shape, ratio, counter.value, options.seed, place))
  })
  const read = source.outputs.slice(1).map(({ value }) => value)
  normalizations.forEach((normalization, i) => {
    const { mean, variance } = batchStatistics(b, batched.value(read[i]!), normalization)
    replacements.set(normalization.mean.value, mean)
    replacements.set(normalization.variance.value, variance)
  })
  const graph = batched.replacing(replacements)
  const [scores, ...found] = graph.outputs.map(({ value }) => value)
  // Computed from what the normalizations read in the end; passes leave one of equal computations.
  const statistics = normalizations.flatMap((normalization, i): Changed[] => {
    const { batched: has } = batched.value(read[i]!)
    const { running } = batchStatistics(b, { value: found[i]!, batched: has }, normalization)
    return (['mean', 'variance'] as const).map((which) => {
      const { name, value, start } = normalization[which]
      const { momentum } = normalization
      const next = b.map([value, running[which]], (o, n) => f.add(f.mul(o, momentum), f.mul(n, 1 - momentum)))
      return { name, value, next, start }
    })
  })
  return { forward: { graph, scores: scores! }, statistics, counter }
}

/** The model's graph with a factor behind each dropout, which is an input: its mask. `values` are the outputs. */
function withMasks(b: Builder, { graph, dropouts }: TrainableModel, values: readonly Value[]) {
  const masks = dropouts.map(({ x }, i) => input(ports.mask(i), 'f32', x.type.shape))
  const patch = new Map(dropouts.map(({ x, value }, i) => [value, b.binary('mul', x, masks[i]!.value)]))
  const outputs = values.map((value, i): Port => ({ name: `${i}`, value }))
  const masked = applyPatch({ inputs: graph.inputs, outputs }, patch)
  return { graph: { inputs: [...graph.inputs, ...masks], outputs: masked.outputs }, masks }
}

/** Gradients scaled together to a norm of at most `most` (Pascanu et al., 2013). */
function clipped(b: Builder, gradients: readonly Value[], most: number | undefined): readonly Value[] {
  if (most === undefined || gradients.length === 0) return gradients
  const squares = gradients.map((g) => {
    const square = b.map([b.reshape(g, [elementCount(g.type.shape)])], (x) => f.square(x))
    return b.reshape(b.reduce('add', square, [0]), [1])
  })
  const sum = b.reduce('add', b.concatenate(squares, 0), [0])
  const scale = b.map([sum], (s) => f.min(f.div(most, f.add(f.sqrt(s), 1e-6)), 1))
  return gradients.map((g) => b.binary('mul', g, b.broadcast(scale, g.type.shape)))
}

/** A parameter, its slots and its average, and what becomes of them. */
function updateOf(
  b: Builder,
  { name, value, start, decays }: Parameter,
  gradient: Value,
  { optimizer, average }: StepOptions,
  scalars: Readonly<Record<string, Value>>,
): Changed[] {
  const slots = optimizer.slots.map((slot) => {
    const port = ports.slot(name, slot)
    return { name: port, value: input(port, 'f32', value.type.shape).value, start: zeros(start.dtype, start.shape) }
  })
  const after = optimizer.update(b, { value, gradient, slots: slots.map((s) => s.value), scalars, decays })
  const changed = [{ name, value, start, next: after.value }, ...slots.map((s, i) => ({ ...s, next: after.slots[i]! }))]
  if (!average) return changed
  const averaged = input(ports.average(name), 'f32', value.type.shape).value
  const next = b.map([averaged, after.value, scalars['decay']!], (a, p, d) => f.add(f.mul(a, d), f.mul(p, f.sub(1, d))))
  return [...changed, { name: ports.average(name), value: averaged, start, next }]
}
