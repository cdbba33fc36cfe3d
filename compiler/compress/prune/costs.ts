import type { Value } from '../../core/graph.ts'
import type { Index } from '../../core/ops/facets.ts'
import { indicesOf } from '../../core/relation.ts'
import { elementCount } from '../../core/shape.ts'
import { isProduct, type ProductNode } from '../../passes/channels/product-weights.ts'
import type { Parameter } from '../../train/index.ts'
import type { Couplings, Group } from './coupling.ts'

/** What a model costs: multiply-adds of the products of one sample, numbers that are trained. */
export interface Costs {
  readonly macs: number
  readonly params: number
}

/** A product of lengths, some of which groups make shorter. */
interface Term {
  readonly of: keyof Costs
  readonly full: number
  /** What is left of each length, and how long it was. */
  readonly lengths: { left: number; readonly full: number }[]
}

/** Multiply-adds of a product. */
function macsOf({ op, operands, attrs, results }: ProductNode): number {
  const outputs = elementCount(results[0]!.type.shape)
  const { shape } = operands[op === 'convolution' ? 1 : 0]!.type
  if (op === 'dot_general') return outputs * elementCount(attrs.lhsContract.map((axis) => shape[axis]!))
  return outputs * shape[attrs.rhs.input]! * elementCount(attrs.rhs.spatial.map((axis) => shape[axis]!))
}

const amountOf = ({ full, lengths }: Term): number => lengths.reduce((n, each) => (n / each.full) * each.left, full)

/** The exact costs of a model without some of its groups, without rebuilding it. */
export class CostCounter {
  private readonly terms: Term[] = []
  private readonly touched = new Map<Group, { readonly term: Term; readonly at: number; readonly count: number }[]>()
  private readonly totals = { macs: 0, params: 0 }

  constructor({ nodes, varying, groups }: Couplings, parameters: readonly Parameter[]) {
    const byIndex = new Map<Index, { term: Term; at: number }>()
    for (const node of nodes) {
      if (!isProduct(node) || !varying.has(node)) continue
      const indices = indicesOf(node)
      const term = this.term(
        'macs',
        macsOf(node),
        indices.map(({ extent }) => extent),
      )
      indices.forEach((index, at) => byIndex.set(index, { term, at }))
    }
    const byValue = new Map<Value, Term>()
    for (const { value } of parameters) {
      const { shape } = value.type
      byValue.set(value, this.term('params', elementCount(shape), shape))
    }
    for (const group of groups) {
      const ofProducts = [...group.values].flatMap(([index, count]) => {
        const found = byIndex.get(index)
        return found ? [{ ...found, count }] : []
      })
      const ofParameters = [...group.positions].flatMap(([{ value, axis }, list]) => {
        const term = byValue.get(value)
        return term ? [{ term, at: axis, count: list.length }] : []
      })
      this.touched.set(group, [...ofProducts, ...ofParameters])
    }
  }

  private term(of: keyof Costs, full: number, lengths: readonly number[]): Term {
    const term = { of, full, lengths: lengths.map((length) => ({ left: length, full: length })) }
    this.terms.push(term)
    this.totals[of] += full
    return term
  }

  get costs(): Costs {
    return { macs: Math.round(this.totals.macs), params: Math.round(this.totals.params) }
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
    for (const term of terms) this.totals[term.of] -= amountOf(term)
    for (const { term, at, count } of touched) term.lengths[at]!.left += sign * count
    for (const term of terms) this.totals[term.of] += amountOf(term)
  }
}
