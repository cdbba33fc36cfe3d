/**
 * How long a model takes with fewer channels, by times that were measured of all of them: a kernel's time falls as the estimate for its
 * lengths does. It reads no clock, so that the same times give the same model.
 */
import { fail } from '../../core/diagnostics/diagnostic.ts'
import type { Node } from '../../core/graph.ts'
import type { Index } from '../../core/ops/facets.ts'
import { indicesOf } from '../../core/analysis/relation.ts'
import { elementCount } from '../../core/shape.ts'
import { isProduct, type ProductNode } from '../../passes/channels/product-weights.ts'
import { timeOf } from '../../schedule/kernels/estimate.ts'
import type { Couplings } from './coupling.ts'

/** Times of a compiled model's kernels on one machine. */
export interface Plan {
  readonly target: 'simd' | 'relaxed-simd'
  /** Milliseconds of a whole run. */
  readonly runMs: number
  readonly kernels: readonly {
    readonly kernel: string
    /** The ONNX nodes it computes. */
    readonly nodes: readonly string[]
    readonly macs: number
    readonly ms: number
  }[]
}

/** A time that depends on how many values are left of a product's indices, or of the axes of another node's result. */
export interface Timed {
  /** Its place among the plan's kernels. */
  readonly kernel: number
  readonly node: Node | undefined
  readonly lengths: readonly number[]
  readonly time: (left: readonly number[]) => number
}

/**
 * What of a graph's nodes takes how long; no node stands for a kernel of which nothing can be told. The sum is the time of a run.
 * @throws CompileError A702 where the plan is of another model.
 */
export function timesOf({ nodes, varying }: Couplings, plan: Plan): Timed[] {
  const byName = new Map<string, Node[]>()
  for (const node of nodes) {
    if (!node.origin || !varying.has(node)) continue
    const known = byName.get(node.origin.node)
    if (known) known.push(node)
    else byName.set(node.origin.node, [node])
  }
  const total = plan.kernels.reduce((sum, { ms }) => sum + ms, 0)
  const timed: Timed[] = []
  for (const [k, { kernel, nodes: names, macs, ms: alone }] of plan.kernels.entries()) {
    // What kernels take one by one is not quite what a run takes.
    const ms = total > 0 ? (alone / total) * plan.runMs : 0
    const own = names.flatMap((name) => byName.get(name) ?? [])
    const products = own.filter(isProduct)
    if (macs > 0 && own.length === 0) {
      fail('A702', `the plan is of another model: there is no node "${names.at(-1) ?? ''}"`, {
        hint: 'measure this model: attar bench model.onnx --layers --plan plan.json',
      })
    }
    if (macs > 0 && products.length > 0) {
      const works = products.map(workOf)
      const all = works.reduce((sum, work) => sum + work, 0)
      products.forEach((node, i) => {
        timed.push({ kernel: k, ...timedProduct(node, kernel, plan.target, (ms * works[i]!) / all) })
      })
    } else if (own.length > 0) timed.push({ kernel: k, ...timedResult(own, ms) })
    else timed.push({ kernel: k, node: undefined, lengths: [], time: () => ms })
  }
  return timed
}

const workOf = (node: ProductNode): number => indicesOf(node).reduce((product, { extent }) => product * extent, 1)

type Role = 'batch' | 'rows' | 'columns' | 'depth'

/** What an index of a product is to a matrix product. */
function roleOf({ places }: Index): Role {
  const operands = new Set(places.filter(({ of }) => of === 'operand').map(({ at }) => at))
  if (!places.some(({ of }) => of === 'result')) return 'depth'
  if (operands.size > 1) return 'batch'
  return operands.has(1) ? 'columns' : 'rows'
}

function timedProduct(node: ProductNode, kernel: string, target: Plan['target'], ms: number): Omit<Timed, 'kernel'> {
  const indices = indicesOf(node)
  const roles = indices.map(roleOf)
  const lengths = indices.map(({ extent }) => extent)
  const estimate = (left: readonly number[]): number => {
    const all = { batch: 1, rows: 1, columns: 1, depth: 1 }
    left.forEach((length, i) => (all[roles[i]!] *= length))
    return timeOf(kernel, target, all)
  }
  const full = estimate(lengths)
  return { node, lengths, time: (left) => (full > 0 ? (ms * estimate(left)) / full : ms) }
}

/** What goes over elements takes as long as there are in the largest result. */
function timedResult(nodes: readonly Node[], ms: number): Omit<Timed, 'kernel'> {
  const size = ({ results: [result] }: Node): number => elementCount(result!.type.shape)
  const node = nodes.reduce((a, b) => (size(b) > size(a) ? b : a))
  const lengths = node.results[0]!.type.shape
  const full = Math.max(1, size(node))
  return { node, lengths, time: (left) => (ms * elementCount(left)) / full }
}
