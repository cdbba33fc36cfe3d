import type { Builder } from '../../core/builder.ts'
import * as f from '../../core/scalar/formula.ts'
import type { Graph, Port, Value } from '../../core/graph.ts'
import { elementCount } from '../../core/shape.ts'
import { tensor, zeros, type Tensor } from '../../core/tensor.ts'
import { trainedParameters, type Observed } from './gradients.ts'
import { statisticsOf, type Parameter, type TrainableModel } from '../model/model.ts'
import type { Becoming, Optimizer } from '../optimizers/index.ts'
import { input, ports } from '../model/ports.ts'

export interface UpdateOptions {
  readonly optimizer: Optimizer
  /** Parameters that stay as they are. */
  readonly frozen?: ReadonlySet<string> | undefined
  /** Scales gradients so that their norm over all parameters is at most this. */
  readonly clipNorm?: number | undefined
  /** Keeps a running average of each parameter: the share of the old one is the scalar `decay`. */
  readonly average?: boolean | undefined
  /** Parameters with a state beside them that says which of their elements are trained; the others stay as they are. */
  readonly sparse?: readonly string[] | undefined
}

/** A program with memory: `state` names inputs that stay between runs, and the output that each becomes. */
export interface StepProgram {
  readonly graph: Graph
  readonly state: Readonly<Record<string, string>>
  readonly start: Readonly<Record<string, Tensor>>
}

/** A state, its value after a run, and its value before the first. */
export interface State {
  readonly name: string
  readonly value: Value
  readonly next: Value
  readonly start: Tensor
}

/** `becomes` names the output that a state's next value is. */
export function programOf(
  inputs: readonly Port[],
  outputs: readonly Port[],
  states: readonly State[],
  becomes = ports.next,
): StepProgram {
  return {
    graph: {
      inputs: [...inputs, ...states.map(({ name, value }) => ({ name, value }))],
      outputs: [...outputs, ...states.map(({ name, next }) => ({ name: becomes(name), value: next }))],
    },
    state: Object.fromEntries(states.map(({ name }) => [name, becomes(name)])),
    start: Object.fromEntries(states.map(({ name, start }) => [name, start])),
  }
}

/**
 * What becomes of all that training keeps, and the scalars that this takes. `gradients` are those of `trainedParameters`. Where the mean
 * loss, f32[], is not finite, everything stays as it was.
 */
export function updates(
  b: Builder,
  model: TrainableModel,
  options: UpdateOptions,
  { gradients, observed, mean }: Readonly<{ gradients: readonly Value[]; observed: readonly Observed[]; mean: Value }>,
): { readonly states: readonly State[]; readonly scalars: readonly Port[] } {
  const names = [
    ...Object.keys(options.optimizer.scalars({ step: 1, learningRate: 1 })),
    ...(options.average ? ['decay'] : []),
  ]
  const scalars = names.map((name) => input(ports.scalar(name), 'f32', []))
  const byName = Object.fromEntries(names.map((name, i) => [name, scalars[i]!.value]))
  const finite = b.map([mean], (l) => f.lt(f.abs(l), Infinity))
  const becoming: Becoming = (old, next) => b.map([finite, next, old], (ok, n, o) => f.select(ok, n, o))
  const states: State[] = []
  const trained = trainedParameters(model, options)
  const masks = masksOf(trained, options)
  const kept = gradients.map((gradient, i) => {
    const mask = masks.get(trained[i]!.name)
    return mask ? b.map([gradient, mask.value], (g, m) => f.select(f.gt(m, 0), g, 0)) : gradient
  })
  const scaled = clipped(b, kept, options.clipNorm)
  // The last layer's first: what its update has read is free before gradients of earlier layers are computed.
  for (const [i, parameter] of [...trained.entries()].reverse())
    states.push(...updateOf(b, parameter, scaled[i]!, options, byName, becoming))
  for (const { statistic, value, momentum } of observed) {
    const next = b.map([statistic.value, value], (o, n) => f.add(f.mul(o, momentum), f.mul(n, 1 - momentum)))
    states.push({ ...statistic, next: becoming(statistic.value, next) })
  }
  states.push(...masks.values())
  const changing = new Set(states.map(({ name }) => name))
  for (const { name, value, start } of [...model.parameters, ...statisticsOf(model.normalizations)])
    if (!changing.has(name)) states.push({ name, value, next: value, start })
  return { states, scalars }
}

/** What says which elements of parameters are trained: all of them, before somebody else writes into the state. */
function masksOf(trained: readonly Parameter[], { sparse = [] }: UpdateOptions): ReadonlyMap<string, State> {
  const states = trained
    .filter(({ name }) => sparse.includes(name))
    .map(({ name, start: { shape } }) => {
      const { value } = input(ports.kept(name), 'f32', shape)
      const start = tensor('f32', shape, new Float32Array(elementCount(shape)).fill(1))
      return [name, { name: ports.kept(name), value, next: value, start }] as const
    })
  return new Map(states)
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
  { name, value, start, decays, pull }: Parameter,
  gradient: Value,
  { optimizer, average }: UpdateOptions,
  scalars: Readonly<Record<string, Value>>,
  becoming: Becoming,
): State[] {
  const slots = optimizer.slots.map((slot) => {
    const port = ports.slot(name, slot)
    return { name: port, value: input(port, 'f32', value.type.shape).value, start: zeros(start.dtype, start.shape) }
  })
  const after = optimizer.update(b, { value, gradient, slots: slots.map((s) => s.value), scalars, decays, becoming })
  const next = pull
    ? becoming(
        value,
        b.map([after.value, value, pull.towards], (n, p, t) => f.sub(n, f.mul(f.sub(p, t), pull.share))),
      )
    : after.value
  const changed = [{ name, value, start, next }, ...slots.map((s, i) => ({ ...s, next: after.slots[i]! }))]
  if (!average) return changed
  const averaged = input(ports.average(name), 'f32', value.type.shape).value
  const mean = b.map([averaged, next, scalars['decay']!], (a, p, d) => f.add(f.mul(a, d), f.mul(p, f.sub(1, d))))
  return [...changed, { name: ports.average(name), value: averaged, start, next: becoming(averaged, mean) }]
}
