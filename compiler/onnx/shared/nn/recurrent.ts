import type { Builder } from '../../../core/builder.ts'
import { constantOf } from '../../../core/evaluate.ts'
import type { Value } from '../../../core/graph.ts'
import { regionArgument } from '../../../core/region.ts'
import { toNumbers } from '../../../core/tensor.ts'
import type { OpContext } from '../../context.ts'
import { takeActivation, type Activation } from './activation.ts'
import { range } from '../axes.ts'
import * as f from '../../../core/scalar/formula.ts'

/** Steps that are unrolled at most: that saves copies of states, but takes code for every step. */
const mostUnrolled = 4

/** What one direction of a recurrent layer computes with. */
export interface Direction {
  readonly b: Builder
  readonly hidden: number
  /** Recurrent weights [gates · hidden, hidden]. */
  readonly weights: Value
  /** The recurrent share of all gates [batch, gates · hidden], without bias, from a state [batch, hidden]. */
  readonly project: (state: Value) => Value
  /** Recurrent bias [gates · hidden]. */
  readonly bias: Value | undefined
  /** Peephole weights [3 · hidden] (LSTM). */
  readonly peepholes: Value | undefined
  /** One for each function that the operator names f, g, h; attribute `clip` is in them. */
  readonly activations: readonly Activation[]
}

/** From a gate's share of the input, biases included, and the states, all [batch, hidden], to the next states. */
export type Step = (input: (gate: number) => Value, states: readonly Value[]) => Value[]

/** How inputs and states become shares of the gates, where their weights are not floats. */
export interface Products {
  readonly hidden: number
  /** Of direction `d`, from all steps [steps, batch, size]. */
  readonly input: (x: Value, d: number) => Value
  /** Of direction `d`, from a state [batch, hidden]. */
  readonly recurrent: (state: Value, d: number) => Value
}

export interface Cell {
  readonly gates: number
  /** Activations of one direction unless attribute `activations` names others. */
  readonly activations: readonly string[]
  /** Inputs with the initial states: the hidden state, and the cell state of an LSTM. */
  readonly states: readonly number[]
  /** Gates whose recurrent bias does not join the input; the last ones. */
  readonly ownBias: number
  readonly start: (d: Direction) => Step
  readonly products?: Products
}

/** Part i of `count` equal parts of the last axis. */
export function part(b: Builder, x: Value, i: number, count: number): Value {
  const last = x.type.shape.length - 1
  const size = Math.floor(x.type.shape[last]! / count)
  return b.sliceAxis(x, last, i * size, size)
}

/** x Wᵀ along the last axis of both. */
export const project = (b: Builder, x: Value, weights: Value): Value =>
  b.dotGeneral(x, weights, { lhsBatch: [], rhsBatch: [], lhsContract: [x.type.shape.length - 1], rhsContract: [1] })

/** Direction d of a weight whose first axis is directions. */
export const ofDirection = (b: Builder, v: Value, d: number): Value =>
  b.reshape(b.sliceAxis(v, 0, d, 1), v.type.shape.slice(1))

/** Activations by direction. As in onnxruntime, that of the cell state (LSTM's h) does not clip. */
function activationsOf(c: OpContext, cell: Cell, directions: number): Activation[][] {
  const names = c.strings('activations', [])
  c.check(names.length === 0 || names.length === directions * cell.activations.length, `${names.length} activations`)
  const alphas = c.floats('activation_alpha', [])
  const betas = c.floats('activation_beta', [])
  const limit = c.has('clip') ? c.float('clip') : Infinity
  const clip = (activation: Activation): Activation =>
    limit === Infinity ? activation : (x) => activation(f.clamp(x, -limit, limit))
  return range(0, directions).map((d) =>
    cell.activations.map((name, i) => {
      const activation = takeActivation(c, names[d * cell.activations.length + i] ?? name, alphas, betas)
      return i < 2 ? clip(activation) : activation
    }),
  )
}

/** What one direction does, step by step. */
interface Walk {
  readonly c: OpContext
  /** The input's share of the gates [steps, batch, gates · hidden], biases included. */
  readonly inputs: Value
  readonly hidden: number
  readonly step: Step
  readonly initial: readonly Value[]
  /** Lengths of the sequences, [batch, 1]. */
  readonly lengths: Value | undefined
  readonly reverse: boolean
}

/** Hidden states of all steps [steps, batch, hidden], where they are wanted, and the final states. */
interface Walked {
  readonly hiddens: Value | undefined
  readonly finals: readonly Value[]
}

/** One step: the next states, and the output. Where a sequence has ended by step `t`, i32[], they are the old ones and 0. */
function advance({ c, lengths, step, hidden }: Walk, share: Value, states: readonly Value[], t: Value) {
  const { b } = c
  const [batch = 0] = share.type.shape
  const gate = (i: number): Value => b.slice(share, [0, i * hidden], [batch, hidden])
  const next = step(gate, states)
  if (!lengths) return { states: next, output: next[0]! }
  const last = b.convert(t, lengths.type.dtype)
  const kept = next.map((v, i) =>
    b.map([lengths, last, v, states[i]!], (n, at, a, old) => f.select(f.gt(n, at), a, old)),
  )
  const output = b.map([lengths, last, kept[0]!], (n, at, h) => f.select(f.gt(n, at), h, 0))
  return { states: kept, output }
}

function unrolled(walk: Walk): Walked {
  const { c, inputs, initial, reverse } = walk
  const { b } = c
  const [steps = 0, batch = 0, width = 0] = inputs.type.shape
  const order = range(0, steps)
  if (reverse) order.reverse()
  let finals = initial
  const outputs: Value[] = []
  for (const t of order) {
    const share = b.reshape(b.sliceAxis(inputs, 0, t, 1), [batch, width])
    const { states, output } = advance(walk, share, finals, b.scalar(t, 'i32'))
    finals = states
    outputs[t] = b.reshape(output, [1, ...output.type.shape])
  }
  return { hiddens: b.concatenate(outputs, 0), finals }
}

function looped(walk: Walk): Walked {
  const { c, inputs, initial, reverse } = walk
  const { b } = c
  const [steps = 0, ...slice] = inputs.type.shape
  const iteration = regionArgument('i32', [])
  const share = regionArgument(inputs.type.dtype, slice)
  const before = initial.map(({ type }) => regionArgument(type.dtype, type.shape))
  const t = reverse ? b.map([iteration], (i) => f.sub(steps - 1, i)) : iteration
  const { states, output } = advance(walk, share, before, t)
  const { carried, stacked } = b.while({
    trips: steps,
    iteration,
    carried: initial.map((value, i) => ({ initial: value, argument: before[i]!, next: states[i]! })),
    scanInputs: [{ value: inputs, argument: share, axis: 0, reverse }],
    scanOutputs: c.wantsOutput(0) ? [{ slice: output, axis: 0, reverse }] : [],
  })
  return { hiddens: stacked[0], finals: carried }
}

/**
 * A recurrent layer: [Y, Y_h, and Y_c if there are two states]. The input's share of the gates of all steps is one product;
 * the steps are a loop, unless they are few. Where a sequence is shorter than the input, its states stay and its outputs are 0; its reverse direction starts
 * at its own end.
 */
export function lowerRecurrent(c: OpContext, cell: Cell): Value[] {
  const { b } = c
  const batchFirst = c.int('layout', 0) !== 0
  const swap = (v: Value): Value => (batchFirst ? b.transpose(v, [1, 0, 2]) : v)
  const x = swap(c.input(0))
  const [steps = 0, batch = 0] = x.type.shape
  const hidden = cell.products?.hidden ?? c.input(2).type.shape.at(-1) ?? 0
  const { dtype } = x.type
  const direction = c.string('direction', 'forward')
  c.check(['forward', 'reverse', 'bidirectional'].includes(direction), `direction is "${direction}"`)
  const directions = direction === 'bidirectional' ? 2 : 1
  c.check(steps > 0, 'X has no steps')
  const lengths = sequenceLengths(c, steps, batch)
  const activations = activationsOf(c, cell, directions)

  const outputs: Value[] = []
  const finals: Value[][] = cell.states.map(() => [])
  for (const d of range(0, directions)) {
    const bias = c.inputs[3] && ofDirection(b, c.inputs[3], d)
    const recurrentBias = bias && part(b, bias, 1, 2)
    const kept = (cell.gates - cell.ownBias) * hidden
    const joining =
      recurrentBias && b.pad(b.sliceAxis(recurrentBias, 0, 0, kept), b.scalar(0, dtype), [0], [cell.ownBias * hidden])
    const product = cell.products?.input(x, d) ?? project(b, x, ofDirection(b, c.input(1), d))
    const inputs = bias
      ? b.map([product, b.binary('add', part(b, bias, 0, 2), joining!)], (p, s) => f.add(p, s))
      : product
    const weights = ofDirection(b, c.input(2), d)
    const step = cell.start({
      b,
      hidden,
      weights,
      project: (state) => cell.products?.recurrent(state, d) ?? project(b, state, weights),
      bias: recurrentBias,
      peepholes: c.inputs[7] && ofDirection(b, c.inputs[7], d),
      activations: activations[d]!,
    })
    const initial = cell.states.map((i) => {
      const given = c.inputs[i]
      return given ? b.reshape(b.sliceAxis(swap(given), 0, d, 1), [batch, hidden]) : b.full(0, dtype, [batch, hidden])
    })
    const reverse = direction === 'reverse' || d === 1
    const walk = { c, inputs, hidden, step, initial, lengths, reverse }
    const { hiddens, finals: last } = steps <= mostUnrolled ? unrolled(walk) : looped(walk)
    outputs.push(b.reshape(hiddens ?? b.full(0, dtype, [steps, batch, hidden]), [steps, 1, batch, hidden]))
    last.forEach((v, i) => finals[i]!.push(b.reshape(v, [1, batch, hidden])))
  }
  const all = b.concatenate(outputs, 1)
  return [batchFirst ? b.transpose(all, [2, 0, 1, 3]) : all, ...finals.map((list) => swap(b.concatenate(list, 0)))]
}

/** Input 4, lengths of the sequences, as [batch, 1]; undefined where they are known to be whole. */
function sequenceLengths(c: OpContext, steps: number, batch: number): Value | undefined {
  const lengths = c.inputs[4]
  const known = lengths && constantOf(lengths)
  if (!lengths || (known && toNumbers(known).every((n) => n >= steps))) return undefined
  return c.b.reshape(lengths, [batch, 1])
}
