/**
 * Takes dequantization behind convolutions, matrix products, sums and extremes, so that they work on integers:
 * Σ (x - x₀)·sₓ · (w - w₀)·s_w is a sum of integers times sₓ·s_w, where all but x is known.
 * Before: any graph; constants not folded, or 8-bit weights are floats already. After: a product of dequantized operands of
 * which the second is constant is an i32 product of 8-bit integers, dequantized by a map; what is quantized again as it was
 * before is taken as it is.
 */
import { Builder } from '../../core/builder.ts'
import { constantOf } from '../../core/evaluate.ts'
import { convert, type Expr } from '../../core/scalar/expr.ts'
import * as f from '../../core/scalar/formula.ts'
import { applyPatch, countUses, nodesOf, type Graph, type Node, type NodeOf, type Value } from '../../core/graph.ts'
import { dequantized, saturated } from '../../core/scalar/quantization.ts'
import { largest, mayScale } from '../../core/analysis/reassociation.ts'
import { elementCount } from '../../core/shape.ts'
import { reader, tensorOf, toNumbers, type Tensor } from '../../core/tensor.ts'
import {
  channelScales,
  dequantizer,
  quantizingOf,
  type Dequantized,
  type Quantizing,
} from '../../core/analysis/dequantized.ts'
import { productOf, type Product } from '../product.ts'

/** So many products of differences of bytes, 255 · 255 at most, are sure to fit into 31 bits. */
const mostTerms = 1 << 15

/** Constant weights as i8, and the zero point that they have as such. */
function byteWeights(w: Dequantized): { weights: Tensor; zero: number } | undefined {
  const known = constantOf(w.q)
  if (!known) return undefined
  if (known.dtype === 'i8') return { weights: known, zero: w.zero }
  const shifted = (by: number): Tensor =>
    tensorOf(
      'i8',
      known.shape,
      toNumbers(known).map((v) => v - by),
    )
  const fits = toNumbers(known).every((v) => v - w.zero >= -128 && v - w.zero <= 127)
  return fits ? { weights: shifted(w.zero), zero: 0 } : { weights: shifted(128), zero: w.zero - 128 }
}

/** Sums of the weights over all axes but `axis`. */
function sumsAlong(w: Tensor, axis: number): number[] {
  const extent = w.shape[axis]!
  const inner = elementCount(w.shape.slice(axis + 1))
  const sums = new Array<number>(extent).fill(0)
  const read = reader(w)
  for (let i = 0; i < w.data.length; i++) sums[Math.floor(i / inner) % extent]! += Number(read(i))
  return sums
}

/** Products that sums of integers can stand for. */
function integerCandidate(node: Node): Product | undefined {
  const product = productOf(node)
  if (!product || product.terms > mostTerms || node.results[0]!.type.dtype !== 'f32') return undefined
  if (product.node.op === 'dot_general') return product.node.attrs.rhsBatch.length === 0 ? product : undefined
  const { window, padValue } = product.node.attrs
  return window.some((axis) => axis.baseDilation > 1) || padValue ? undefined : product
}

const isPadded = (node: NodeOf<'convolution'>): boolean =>
  node.attrs.window.some((axis) => axis.low > 0 || axis.high > 0)

/** Σ x under each window or along each row, shaped to broadcast over the output channels. */
function inputSums(b: Builder, { node, resultAxis }: Product, x: Dequantized, sum: Value): Value {
  if (node.op === 'convolution') {
    const { groups, rhs } = node.attrs
    const shape = node.operands[1]!.type.shape.map((d, i) => (i === rhs.output ? groups : d))
    const ones = b.constant(tensorOf('i8', shape, new Array<number>(elementCount(shape)).fill(1)))
    const sums = b.convolution(x.q, ones, { ...node.attrs, ...(isPadded(node) && { padValue: x.zero }) })
    if (groups === 1 || groups === sum.type.shape[resultAxis]) return sums
    const each = sum.type.shape[resultAxis]! / groups
    const split = [...sums.type.shape.slice(0, resultAxis + 1), each, ...sums.type.shape.slice(resultAxis + 1)]
    const kept = sums.type.shape.map((_, i) => (i <= resultAxis ? i : i + 1))
    return b.reshape(b.broadcastInDim(sums, split, kept), sum.type.shape)
  }
  const sums = b.reduce('add', b.convert(x.q, 'i32'), node.attrs.lhsContract)
  return b.reshape(sums, [...sums.type.shape, 1])
}

type Lookup = ReturnType<typeof dequantizer>

function integerProduct(node: Node, now: (v: Value) => Value, dequantizedOf: Lookup): Value | undefined {
  const product = integerCandidate(node)
  if (!product) return undefined
  const x = dequantizedOf(now(product.node.operands[0]!))
  const w = x && elementCount(x.scale.type.shape) === 1 ? dequantizedOf(now(product.node.operands[1]!)) : undefined
  const bytes = w && byteWeights(w)
  if (!x || !w || !bytes) return undefined
  const { weightAxis, resultAxis, channels } = product
  const scales = channelScales(w, weightAxis, channels)
  const xScale = Number(reader(constantOf(x.scale)!)(0))
  if (!scales) return undefined
  const both = scales.map((s) => Math.fround(xScale * s))
  if (!mayScale(Math.abs(xScale) * largest(scales), largest(both))) return undefined
  const b = new Builder(node.origin)
  const kernel = b.constant(bytes.weights)
  const sum =
    product.node.op === 'convolution'
      ? b.convolution(x.q, kernel, { ...product.node.attrs, ...(isPadded(product.node) && { padValue: x.zero }) })
      : b.dotGeneral(x.q, kernel, product.node.attrs)
  const along = sum.type.shape.map((_, i) => (i === resultAxis ? channels : 1))
  const scale = b.constant(tensorOf('f32', along, both))
  // Σ (x - x₀)(w - w₀) = Σ x·w - x₀ Σ w + n x₀ w₀ - w₀ Σ x: of these, Σ x is not known.
  const known = sumsAlong(bytes.weights, weightAxis).map((s) => x.zero * (product.terms * bytes.zero - s))
  const offset = known.some((v) => v !== 0) ? b.constant(tensorOf('i32', along, known)) : undefined
  const shifted = (e: Expr, o: Expr | undefined): Expr => (o ? f.add(e, o) : e)
  if (bytes.zero === 0) {
    return b.map([sum, scale, ...(offset ? [offset] : [])], (e, s, o) => f.mul(convert(shifted(e!, o), 'f32'), s!))
  }
  const sums = inputSums(b, product, x, sum)
  return b.map([sum, scale, sums, ...(offset ? [offset] : [])], (e, s, n, o) =>
    f.mul(convert(f.sub(shifted(e!, o), f.mul(n!, bytes.zero)), 'f32'), s!),
  )
}

/** Sums and extremes of integers instead of dequantized ones. */
function integerReduction(
  node: NodeOf<'reduce'> | NodeOf<'reduce_window'>,
  now: (v: Value) => Value,
  dequantizedOf: Lookup,
): Value | undefined {
  const { kind } = node.attrs
  const x = kind === 'add' || kind === 'max' || kind === 'min' ? dequantizedOf(now(node.operands[0]!)) : undefined
  if (!x || elementCount(x.scale.type.shape) !== 1 || Number(reader(constantOf(x.scale)!)(0)) <= 0) return undefined
  const b = new Builder(node.origin)
  const reduced = (v: Value): Value =>
    node.op === 'reduce' ? b.reduce(kind, v, node.attrs.axes) : b.reduceWindow(kind, v, node.attrs.window)
  const zero = b.scalar(x.zero, 'i32')
  if (kind !== 'add') return b.map([reduced(x.q), x.scale, zero], (e, s, z) => dequantized(e!, s!, z))
  const sum = reduced(b.map([x.q, zero], (e, z) => f.sub(convert(e!, 'i32'), z!)))
  return b.map([sum, x.scale], (e, s) => dequantized(e!, s!, undefined))
}

/** `x` quantized as `to` says: before concatenations and views, so that what was quantized that way is taken as it is. */
function quantized(
  x: Value,
  to: Quantizing,
  now: (v: Value) => Value,
  single: (v: Value) => boolean,
  dequantizedOf: Lookup,
): Value | undefined {
  const stored = (v: Value): Value | undefined => {
    const known = dequantizedOf(v)
    if (!known || elementCount(known.scale.type.shape) !== 1) return undefined
    const scale = Number(reader(constantOf(known.scale)!)(0))
    return known.q.type.dtype === to.dtype && known.zero === to.zero && scale === to.scale ? known.q : undefined
  }
  const there = stored(x)
  if (there) return there
  // Concatenations of concatenations, each before those that it consists of.
  const nested: NodeOf<'concatenate'>[] = []
  const stack = [x]
  for (let v = stack.pop(); v; v = stack.pop()) {
    if (v.node.op !== 'concatenate' || !single(v) || stored(v)) continue
    nested.push(v.node)
    for (const operand of v.node.operands) stack.push(now(operand))
  }
  const results = new Map<Value, Value>()
  for (const node of nested.reverse()) {
    const b = new Builder(node.origin)
    const operands = node.operands.map((operand) => {
      const v = now(operand)
      return (
        stored(v) ??
        results.get(v) ??
        b.map([v, b.scalar(to.scale, 'f32'), b.scalar(to.zero, to.dtype)], (e, s, z) =>
          saturated(f.div(e!, s!), z, to.dtype),
        )
      )
    })
    results.set(node.results[0]!, b.concatenate(operands, node.attrs.axis))
  }
  return results.get(x)
}

export function integerProducts(graph: Graph): Graph {
  const uses = countUses(graph)
  const patch = new Map<Value, Value>()
  const now = (v: Value): Value => patch.get(v) ?? v
  const single = (v: Value): boolean => uses.get(v) === 1
  const dequantizedOf = dequantizer(now)
  for (const node of nodesOf(graph)) {
    const [result] = node.results
    const to = quantizingOf(result!)
    const replacement = to
      ? quantized(now(to.x), to, now, single, dequantizedOf)
      : node.op === 'reduce' || node.op === 'reduce_window'
        ? integerReduction(node, now, dequantizedOf)
        : integerProduct(node, now, dequantizedOf)
    if (replacement) patch.set(result!, replacement)
  }
  return applyPatch(graph, patch)
}
