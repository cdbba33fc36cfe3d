/**
 * Quantization of activations as a function of floats, x rounded to the grid of its integers: passes take it as a map like any other,
 * and it can be left out.
 */
import { movedInFloats } from './moved-integers.ts'
import { Builder } from '../../core/builder.ts'
import { dequantizer, quantizingOf, type Quantizing } from '../../core/analysis/dequantized.ts'
import { constantOf } from '../../core/evaluate.ts'
import { integerRange } from '../../core/scalar/dtype.ts'
import { literal, type Expr } from '../../core/scalar/expr.ts'
import * as f from '../../core/scalar/formula.ts'
import { applyPatch, nodesOf, type Graph, type Value } from '../../core/graph.ts'

/** Integers of 8 bits, with the sign of i8: they stand for (q − zero) · scale. */
export interface Grid {
  readonly scale: number
  readonly zero: number
}

/** The values that are dequantized, with what was quantized. */
function roundedValues(graph: Graph): Map<Value, Quantizing> {
  const dequantizedOf = dequantizer()
  const found = new Map<Value, Quantizing>()
  for (const node of nodesOf(graph)) {
    const [value] = node.results
    const stored = node.op === 'map' ? dequantizedOf(value!) : undefined
    const made = stored && quantizingOf(stored.q)
    if (!made || made.zero !== stored.zero) continue
    const { node: scale } = stored.scale
    const isSame = scale.op === 'constant' && scale.attrs.value.data.every((s) => s === made.scale)
    if (isSame || stored.scale.type.shape.length === 0) found.set(value!, made)
  }
  return found
}

const replaced = (given: Graph, to: (made: Quantizing) => Value): Graph => {
  const graph = movedInFloats(given)
  return applyPatch(graph, new Map([...roundedValues(graph)].map(([value, made]) => [value, to(made)])))
}

/** Whether activations of the graph are quantized. */
export const isQuantized = (graph: Graph): boolean => roundedValues(movedInFloats(graph)).size > 0

/** The graph in floats: activations as they are, weights as what their integers stand for. */
export function inFloats(graph: Graph): Graph {
  const floats = replaced(graph, ({ x }) => x)
  const dequantizedOf = dequantizer()
  const weights = new Map<Value, Value>()
  for (const node of nodesOf(floats)) {
    const [value] = node.results
    const known = node.op === 'map' && dequantizedOf(value!) ? constantOf(value!) : undefined
    if (known) weights.set(value!, new Builder(node.origin).constant(known))
  }
  return applyPatch(floats, weights)
}

/** The graph with activations rounded to their grids by `rounded`. */
export const withGrids = (graph: Graph): Graph =>
  replaced(graph, ({ x, scale, zero, dtype }) =>
    new Builder(x.node.origin).map([x], (e) => rounded(e!, { scale, zero: dtype === 'u8' ? zero - 128 : zero })),
  )

const { min, max } = integerRange('i8')
const [low, high] = [Number(min), Number(max)]

const rounded = (x: Expr, { scale, zero }: Grid): Expr =>
  f.mul(f.sub(f.clamp(f.add(f.roundStraightThrough(f.div(x, scale)), zero), low, high), zero), scale)

/** What `rounded` made `e` of. */
export function gridOf(e: Expr): { readonly x: Expr; readonly grid: Grid } | undefined {
  if (e.kind !== 'binary' || e.op !== 'mul' || e.a.kind !== 'binary' || e.a.op !== 'sub') return undefined
  const grid = { scale: literal(e.b), zero: literal(e.a.b) }
  const clamped = e.a.a
  if (clamped.kind !== 'binary' || clamped.op !== 'min' || clamped.a.kind !== 'binary') return undefined
  const sum = clamped.a.a
  const quotient = sum.kind === 'binary' && sum.op === 'add' && sum.a.kind === 'unary' ? sum.a : undefined
  if (quotient?.op !== 'round_straight_through' || quotient.x.kind !== 'binary') return undefined
  return { x: quotient.x.a, grid }
}
