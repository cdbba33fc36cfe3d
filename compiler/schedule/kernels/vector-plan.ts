import { parts } from '../../core/scalar/expr.ts'
import { moveInnermost } from '../program/normalize-nest.ts'
import type { Access, NestKernel } from '../program/program.ts'
import { isVectorizable, lanes } from './vectorizable.ts'

/** Which loop's iterations share a vector: an output loop (made innermost), the innermost reduced loop, or none. */
export interface VectorPlan {
  readonly kernel: NestKernel
  readonly axis: 'output' | 'reduced' | 'none'
  /** The first of the innermost reduced loops that are not emitted: what they go over stands element by element, since that is little. */
  readonly window: number
  /** Of four iterations: accesses, weighted by what they take. */
  readonly cost: number
}

/** Elements of a long column: several columns' sums side by side hide the latency of combining, and use whole lines of the cache. */
export const longColumn = 256

/** Elements of a window that stand one by one: loads know where, and nothing is counted. */
const mostInWindow = 9

/** Parts of a formula that may stand as often. */
const mostPartsInWindow = 3

const indirectMoves = (a: Access, loop: number): boolean =>
  (a.indirect ?? []).some((i) => (i.index.strides[loop] ?? 0) !== 0)

/** Relative cost of one vector's worth of an access along `loop`. */
function accessCost(a: Access, loop: number): number {
  if (indirectMoves(a, loop)) return 8
  const stride = a.strides[loop] ?? 0
  return stride === 1 ? 1 : stride === 0 ? 0.5 : 4
}

const utilisation = (extent: number): number => extent / (Math.ceil(extent / lanes) * lanes)

function windowOf({ extents, reduced, reads, body }: NestKernel, axis: VectorPlan['axis']): number {
  const outputs = extents.length - reduced
  const elements = (level: number): number => extents.slice(level).reduce((a, b) => a * b, 1)
  const forward = reads.every((a) => !a.indirect && a.strides.slice(outputs).every((stride) => stride >= 0))
  let level = extents.length
  if (axis !== 'output' || !forward || elements(outputs) >= longColumn || parts(body).length > mostPartsInWindow)
    return level
  while (level > outputs && elements(level - 1) <= mostInWindow) level--
  return level
}

/** Chooses the vector axis by counting loads, stores and wasted lanes. */
export function planVector(kernel: NestKernel): VectorPlan {
  const { extents, reduced, reads, post, write, body, sequential } = kernel
  const outputs = extents.length - reduced
  const scatters = write.indirect !== undefined || kernel.accumulate !== undefined
  const scalarCost = lanes * (reads.length + 1)
  if (sequential || scatters || !isVectorizable(body) || !isVectorizable(post.expr))
    return { kernel, axis: 'none', window: extents.length, cost: scalarCost }
  let best: { cost: number; loop: number; axis: VectorPlan['axis'] } = { cost: scalarCost, loop: -1, axis: 'none' }
  const consider = (cost: number, loop: number, axis: VectorPlan['axis']): void => {
    if (cost < best.cost || (cost === best.cost && loop > best.loop)) best = { cost, loop, axis }
  }
  for (let loop = 0; loop < outputs; loop++) {
    const body = reads.reduce((sum, a) => sum + accessCost(a, loop), 0)
    const edge = [...post.reads, write].reduce((sum, a) => sum + accessCost(a, loop), 0)
    consider((body + (reduced > 0 ? 1 : edge)) / utilisation(extents[loop]!), loop, 'output')
  }
  const inner = extents.length - 1
  if (reduced > 0 && extents[inner]! >= lanes) {
    consider(
      (reads.reduce((sum, a) => sum + accessCost(a, inner), 0) + 1.5) / utilisation(extents[inner]!),
      inner,
      'reduced',
    )
  }
  const { axis, cost } = best
  const planned = axis === 'output' ? moveInnermost(kernel, best.loop) : kernel
  return { kernel: planned, axis, window: windowOf(planned, axis), cost }
}
