/** Zeros that come into the weights while a model trains (Zhu & Gupta, “To prune, or not to prune”, 2017). */
import type { TypedArray } from '../../core/scalar/dtype.ts'
import { nodesOf, type Node, type Value } from '../../core/graph.ts'
import { followedAxis, outputAxisOf } from '../../core/analysis/relation.ts'
import type { Instance } from '../../core/executor.ts'
import type { TrainableModel } from '../model/model.ts'
import { ports } from '../model/ports.ts'

export interface SparsifyOptions {
  /** The share of the weights that is zero in the end, of each parameter. */
  readonly share: number
  /** So many output channels next to each other lose their weights of an input together. */
  readonly block: 4 | 1
  /** Of `sparseParameters`. */
  readonly parameters: readonly string[]
  /** When the first weights become zero and when the last do, as shares of all steps. */
  readonly start: number
  readonly end: number
}

/** A weight of products, and the axis of its output channels. */
export interface SparseParameter {
  readonly name: string
  readonly axis: number
}

/** How often zeros are chosen anew at most, between the first and the last time. */
const choices = 50

/** The parameters that products and convolutions multiply with, each output channel with all of a group's inputs. */
export function sparseParameters({ graph, parameters }: TrainableModel): readonly SparseParameter[] {
  const users = new Map<Value, { readonly node: Node; readonly at: number }[]>()
  for (const node of nodesOf(graph))
    node.operands.forEach((value, at) => users.set(value, [...(users.get(value) ?? []), { node, at }]))
  const axisOf = (value: Value): number | undefined => {
    for (const { node, at } of users.get(value) ?? []) {
      if (node.op === 'dot_general') return outputAxisOf(node, at)?.axis
      // What each channel has of its own are too few weights for zeros to pay.
      if (node.op === 'convolution') return at === 1 && node.attrs.groups === 1 ? node.attrs.rhs.output : undefined
      if (node.op !== 'transpose' && node.op !== 'reshape') continue
      const behind = axisOf(node.results[0]!)
      const axis = value.type.shape.findIndex((_, i) => followedAxis(node, at, i) === behind)
      if (behind !== undefined && axis >= 0) return axis
    }
    return undefined
  }
  return parameters.flatMap(({ name, value, decays }): SparseParameter[] => {
    const axis = decays ? axisOf(value) : undefined
    return axis === undefined ? [] : [{ name, axis }]
  })
}

/** Sets weights to zero between steps. */
export interface Sparsifier {
  /** The step before which the last are chosen. */
  readonly last: number
  /** Does what is due before `step`, in the states of the step's program. */
  update(state: Instance['state'], step: number): void
}

/** The share of zeros when `done` of the way from the first to the last is gone: many at first, when there are many to choose from. */
export function shareAt(share: number, done: number): number {
  const left = 1 - done
  return share * (1 - left * left * left)
}

/** `slots` are what the optimizer keeps of each parameter. */
export function sparsifier(
  model: TrainableModel,
  options: SparsifyOptions,
  slots: readonly string[],
  steps: number,
): Sparsifier {
  const stepAt = (share: number): number => Math.min(Math.floor(share * steps), steps - 1)
  const first = stepAt(options.start)
  const last = Math.max(stepAt(options.end), first)
  const every = Math.max(1, Math.ceil((last - first) / choices))
  const chosen = new Set(options.parameters)
  const parameters = sparseParameters(model).filter(({ name }) => chosen.has(name))
  const shapes = new Map(model.parameters.map(({ name, start }) => [name, start.shape]))
  return {
    last,
    update(state, step) {
      if (step < first || step > last || (step !== last && (step - first) % every !== 0)) return
      const share = shareAt(options.share, last === first ? 1 : (step - first) / (last - first))
      for (const { name, axis } of parameters) {
        const mask = state[ports.kept(name)] as Float32Array
        chooseZeros(state[name] as Float32Array, mask, blocksOf(shapes.get(name)!, axis, options.block), share)
        const kept = [name, ports.average(name), ...slots.map((slot) => ports.slot(name, slot))]
        for (const key of kept) if (state[key]) clear(state[key], mask)
      }
    },
  }
}

/** Sets to zero what the mask says. */
function clear(values: TypedArray, mask: Float32Array): void {
  for (let i = 0; i < mask.length; i++) if (mask[i] === 0) values[i] = 0
}

/** For each element the block it is in: `block` neighbours along `axis` at the same place of the other axes. */
function blocksOf(shape: readonly number[], axis: number, block: number): { of: Uint32Array; count: number } {
  const extent = shape[axis]!
  const inner = shape.slice(axis + 1).reduce((product, d) => product * d, 1)
  const outer = shape.slice(0, axis).reduce((product, d) => product * d, 1)
  const perAxis = Math.ceil(extent / block)
  const of = new Uint32Array(outer * extent * inner)
  for (let o = 0, at = 0; o < outer; o++)
    for (let i = 0; i < extent; i++)
      for (let k = 0; k < inner; k++, at++) of[at] = (o * perAxis + Math.floor(i / block)) * inner + k
  return { of, count: outer * perAxis * inner }
}

/** Makes `mask` 0 in the share of the blocks whose weights are smallest on average, among equals in the first ones; 1 elsewhere. */
function chooseZeros(
  weights: Float32Array,
  mask: Float32Array,
  { of, count }: { readonly of: Uint32Array; readonly count: number },
  share: number,
): void {
  const sums = new Float64Array(count)
  const sizes = new Uint32Array(count)
  weights.forEach((w, i) => {
    sums[of[i]!]! += Math.abs(w)
    sizes[of[i]!]!++
  })
  const means = sums.map((sum, i) => sum / sizes[i]!)
  const goes = Math.floor(share * count)
  const bound = goes === 0 ? -1 : means.slice().sort()[goes - 1]!
  // Of those equal to the largest that goes, as many as are due.
  let equal = goes - means.reduce((n, mean) => n + (mean < bound ? 1 : 0), 0)
  const zero = means.map((mean) => (mean < bound || (mean === bound && equal-- > 0) ? 0 : 1))
  for (let i = 0; i < mask.length; i++) mask[i] = zero[of[i]!]!
}
