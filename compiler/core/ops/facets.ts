import { check } from '../diagnostics/check.ts'
import type { Graph } from '../graph.ts'
import type { Shape } from '../shape.ts'
import type { Tensor, TensorType } from '../tensor.ts'

/**
 * Where an index stands in one axis of an operand or a result. The axis is seen as blocks, outer × length × inner, of which
 * the index is the middle one: value v is at the places offset + stride · v of it, whatever outer and inner are.
 */
export interface Place {
  readonly of: 'operand' | 'result'
  /** Which operand or result. */
  readonly at: number
  readonly axis: number
  readonly length: number
  readonly inner: number
  readonly offset: number
  /** Negative where a slice goes backwards. */
  readonly stride: number
  /** Value v is at `size` places, `dilation` apart, of which some may be padding: a window. 1 unless given. */
  readonly size?: number
  readonly dilation?: number
}

/**
 * One index of an op's index relation, as in einsum or the iteration space of linalg. An element of an operand reaches an
 * element of a result only if each index that stands in both has a value that is at both. Where no value of an index is, a
 * slice leaves elements out or a result has others (of padding, of further operands). An index that stands in no
 * result is contracted: elements at one of its values, in all operands where it stands, are combined and then summed (or
 * the like) over it. One that stands in no operand only repeats. What an axis without an index does is not told: positions
 * of the result depend on several of its own, or on data.
 */
export interface Index {
  /** Number of values. */
  readonly extent: number
  readonly places: readonly Place[]
}

/** For each axis the positions that stay, ascending; undefined where all do. */
export type KeptAxes = readonly (readonly number[] | undefined)[]

export interface Kept {
  readonly operands: readonly KeptAxes[]
  readonly results: readonly KeptAxes[]
}

/** Evaluates a region: its outputs from its inputs. */
export type RunRegion = (region: Graph, inputs: readonly Tensor[]) => Tensor[]

/** The facets of a core op with attributes A. `type` throws a TypeError that says what is wrong with the operands. */
export interface Facets<A> {
  readonly type: (operands: readonly TensorType[], attrs: A) => TensorType[]
  /** Plain and slow: the oracle of the tests, and the constant folder. Floats are accumulated in f64. Ops with regions want `run`. */
  readonly evaluate: (operands: readonly Tensor[], attrs: A, run?: RunRegion) => Tensor[]
  /** How the axes of the operands meet those of the results. */
  readonly indices: (operands: readonly TensorType[], attrs: A) => Index[]
  /**
   * The attributes with which operands of which `kept` stays give results of which `kept` stays; undefined where there are
   * none. What is kept agrees with `indices`: of each index some values, and positions where it has none as one likes.
   */
  readonly keep: (operands: readonly TensorType[], attrs: A, kept: Kept) => A | undefined
}

type Step = Partial<Pick<Place, 'length' | 'inner' | 'offset' | 'stride' | 'size' | 'dilation'>>

/** A place that is the whole of axis `axis`, of `length`, unless `step` says otherwise. */
const place =
  (of: Place['of']) =>
  (at: number, axis: number, length: number, step: Step = {}): Place => ({
    ...{ of, at, axis, length, inner: 1, offset: 0, stride: 1 },
    ...step,
  })

export const inOperand = place('operand')
export const inResult = place('result')

/** An index that stands in whole axes, one of operand 0 and one of each result. */
export function sameIndex(x: TensorType, axis: number, to: number, results = 1): Index {
  const extent = x.shape[axis]!
  const targets = Array.from({ length: results }, (_, r) => inResult(r, to, extent))
  return { extent, places: [inOperand(0, axis, extent), ...targets] }
}

/** The indices of axes that stay where they are in `results` results, for all but `others`. */
export const sameIndices = (x: TensorType, others: readonly number[], results = 1): Index[] =>
  x.shape.flatMap((_, axis) => (others.includes(axis) ? [] : [sameIndex(x, axis, axis, results)]))

/** For ops whose attributes name no length. */
export const sameAttributes = <A>(_: readonly TensorType[], attrs: A): A => attrs

/** For ops that can't be shortened. */
export const keepsAll = <A>(_: readonly TensorType[], attrs: A, { operands, results }: Kept): A | undefined =>
  [...operands, ...results].flat().every((axis) => axis === undefined) ? attrs : undefined

export const keptShape = (shape: Shape, kept: KeptAxes): number[] => shape.map((d, i) => kept[i]?.length ?? d)

export function checkAxis(axis: number, rank: number): void {
  check(Number.isInteger(axis) && axis >= 0 && axis < rank, `axis ${axis} is not one of rank ${rank}`)
}

export function checkDistinctAxes(axes: readonly number[], rank: number): void {
  axes.forEach((axis) => checkAxis(axis, rank))
  check(new Set(axes).size === axes.length, `axes ${axes.join(',')} repeat`)
}
