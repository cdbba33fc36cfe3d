import type { Value } from '../../core/graph.ts'
import type { Index } from '../../core/ops/facets.ts'
import { indicesOf } from '../../core/analysis/relation.ts'
import { elementCount } from '../../core/shape.ts'
import { isProduct, type ProductNode } from '../../passes/channels/product-weights.ts'
import type { Parameter } from '../../train/index.ts'
import type { Couplings, Group } from './coupling.ts'
import { timesOf, type Plan } from './latency.ts'
import { nodesInLoops } from './loops.ts'

/** What a model costs: multiply-adds of the products of one sample, numbers that are trained, milliseconds where there is a plan. */
export interface Costs {
  readonly macs: number
  readonly params: number
  readonly ms: number
}

/** A cost by lengths, some of which groups make shorter. */
interface Term {
  readonly of: keyof Costs
  /** What is left of each length. */
  readonly left: number[]
  readonly amount: (left: readonly number[]) => number
}

/** Multiply-adds of a product. */
function macsOf({ op, operands, attrs, results }: ProductNode): number {
  const outputs = elementCount(results[0]!.type.shape)
  const { shape } = operands[op === 'convolution' ? 1 : 0]!.type
  if (op === 'dot_general') return outputs * elementCount(attrs.lhsContract.map((axis) => shape[axis]!))
  return outputs * shape[attrs.rhs.input]! * elementCount(attrs.rhs.spatial.map((axis) => shape[axis]!))
}

/** `full` for all of the lengths, and what is left of it for fewer. */
const productOf =
  (full: number, lengths: readonly number[]) =>
  (left: readonly number[]): number =>
    lengths.reduce((amount, length, i) => (amount / length) * left[i]!, full)

/** The exact costs of a model without some of its groups, without rebuilding it. */
export class CostCounter {
  private readonly touched = new Map<Group, { readonly term: Term; readonly at: number; readonly count: number }[]>()
  private readonly timed: { readonly kernel: number; readonly term: Term }[] = []
  private readonly plan: Plan | undefined
  private readonly totals = { macs: 0, params: 0, ms: 0 }

  constructor(found: Couplings, parameters: readonly Parameter[], plan?: Plan) {
    this.plan = plan
    const { nodes, varying, groups } = found
    const byIndex = new Map<Index, { term: Term; at: number }[]>()
    const byAxis = new Map<Value, { term: Term; at: number }[][]>()
    const add = <K>(to: Map<K, { term: Term; at: number }[]>, key: K, term: Term, at: number): void => {
      to.set(key, [...(to.get(key) ?? []), { term, at }])
    }
    const alongAxes = (value: Value, term: Term): void => {
      const axes = byAxis.get(value) ?? value.type.shape.map(() => [])
      byAxis.set(value, axes)
      axes.forEach((list, at) => list.push({ term, at }))
    }
    const inLoops = nodesInLoops(nodes)
    for (const node of [...nodes, ...inLoops.keys()]) {
      if (!isProduct(node) || !varying.has(node)) continue
      const indices = indicesOf(node)
      const extents = indices.map(({ extent }) => extent)
      const term = this.term('macs', extents, productOf(macsOf(node) * (inLoops.get(node) ?? 1), extents))
      indices.forEach((index, at) => add(byIndex, index, term, at))
    }
    for (const { value } of parameters) {
      const { shape } = value.type
      alongAxes(value, this.term('params', shape, productOf(elementCount(shape), shape)))
    }
    if (plan) {
      for (const { kernel, node, lengths, time } of timesOf(found, plan)) {
        const term = this.term('ms', lengths, time)
        this.timed.push({ kernel, term })
        if (!node) continue
        if (isProduct(node)) indicesOf(node).forEach((index, at) => add(byIndex, index, term, at))
        else alongAxes(node.results[0]!, term)
      }
    }
    for (const group of groups) {
      const ofProducts = [...group.values].flatMap(([index, count]) =>
        (byIndex.get(index) ?? []).map((place) => ({ ...place, count })),
      )
      const ofValues = [...group.positions].flatMap(([{ value, axis }, list]) =>
        (byAxis.get(value)?.[axis] ?? []).map((place) => ({ ...place, count: list.length })),
      )
      this.touched.set(group, [...ofProducts, ...ofValues])
    }
  }

  private term(of: keyof Costs, lengths: readonly number[], amount: Term['amount']): Term {
    const term = { of, left: [...lengths], amount }
    this.totals[of] += amount(term.left)
    return term
  }

  get costs(): Costs {
    const { macs, params, ms } = this.totals
    return { macs: Math.round(macs), params: Math.round(params), ms }
  }

  /** The plan of what is left. */
  get planLeft(): Plan | undefined {
    if (!this.plan) return undefined
    const times = this.plan.kernels.map(() => 0)
    for (const { kernel, term } of this.timed) times[kernel]! += term.amount(term.left)
    const kernels = this.plan.kernels.map((each, k) => ({ ...each, ms: times[k]! }))
    return { ...this.plan, runMs: this.totals.ms, kernels }
  }

  /** What the model would cost without these groups too. */
  without(groups: readonly Group[]): Costs {
    const before = { ...this.totals }
    this.remove(groups)
    const after = this.costs
    this.change(groups, 1)
    Object.assign(this.totals, before)
    return after
  }

  remove(groups: readonly Group[]): void {
    this.change(groups, -1)
  }

  private change(groups: readonly Group[], sign: 1 | -1): void {
    const touched = groups.flatMap((group) => this.touched.get(group)!)
    const terms = [...new Set(touched.map(({ term }) => term))]
    for (const { of, left, amount } of terms) this.totals[of] -= amount(left)
    for (const { term, at, count } of touched) term.left[at]! += sign * count
    for (const { of, left, amount } of terms) this.totals[of] += amount(left)
  }
}
