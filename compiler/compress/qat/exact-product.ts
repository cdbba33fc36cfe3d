/** Convolutions and matrix products of integers as floats, whose sums are exact. */
import { Builder } from '../../core/builder.ts'
import { convert } from '../../core/scalar/expr.ts'
import * as f from '../../core/scalar/formula.ts'
import type { NodeOf, Value } from '../../core/graph.ts'
import { exactInF32, type Carried } from './carried.ts'

/** A product of bytes and trained weights. */
export interface IntegerProduct {
  /** Integers as f32. */
  readonly weights: Value
  /** Of the other operand; what padding holds. */
  readonly zero: number
  /** The largest sum of magnitudes of an output channel's weights when training starts. */
  readonly largestSum: number
}

/** Differences of bytes are at most this. */
const largestInput = 255
const largestWeight = 127
type Product = NodeOf<'convolution'> | NodeOf<'dot_general'>

/** Products that are summed up for an element, and the axes of both operands along which a part of them is. */
function contraction(node: Product): { terms: number; lhs: number; rhs: number; extent: number } {
  const { shape } = node.operands[1]!.type
  if (node.op === 'dot_general') {
    const { lhsContract, rhsContract } = node.attrs
    const terms = rhsContract.reduce((product, axis) => product * shape[axis]!, 1)
    // The longest, which divides best.
    const at = rhsContract.reduce((best, axis, i) => (shape[axis]! > shape[rhsContract[best]!]! ? i : best), 0)
    return { terms, lhs: lhsContract[at]!, rhs: rhsContract[at]!, extent: shape[rhsContract[at]!]! }
  }
  const { lhs, rhs } = node.attrs
  const terms = shape.reduce((product, d, axis) => (axis === rhs.output ? product : product * d), 1)
  return { terms, lhs: lhs.feature, rhs: rhs.input, extent: shape[rhs.input]! }
}

function product(b: Builder, node: Product, x: Value, w: Value): Value {
  if (node.op === 'dot_general') return b.dotGeneral(x, w, node.attrs)
  const { padValue: _, ...attrs } = node.attrs
  return b.convolution(x, w, attrs)
}

/**
 * Σ (x − zero) · w. Where a sum of floats might not be exact, its terms go into several, which are exact whatever the weights are, and
 * these are added as f64.
 */
export function exactSum(node: Product, x: Value, { weights, zero, largestSum }: IntegerProduct): Carried {
  const b = new Builder(node.origin)
  const centred = zero === 0 ? x : b.map([x], (e) => f.sub(e, zero))
  const { terms, lhs, rhs, extent } = contraction(node)
  const worst = terms * largestInput * largestWeight
  const isGrouped = node.op === 'convolution' && node.attrs.groups > 1
  // Weights may grow twofold.
  if (worst <= exactInF32 || largestSum * largestInput <= exactInF32 / 2 || isGrouped)
    return { value: product(b, node, centred, weights), bound: Math.min(worst, exactInF32) }
  const each = Math.max(1, Math.floor((extent * exactInF32) / worst))
  const parts: Value[] = []
  for (let from = 0; from < extent; from += each) {
    const length = Math.min(each, extent - from)
    const sum = product(b, node, b.sliceAxis(centred, lhs, from, length), b.sliceAxis(weights, rhs, from, length))
    parts.push(sum)
  }
  const value = parts
    .slice(1)
    .reduce((sum, part) => b.map([sum, part], (s, p) => f.add(s, convert(p, 'f64'))), b.convert(parts[0]!, 'f64'))
  return { value, bound: worst }
}
