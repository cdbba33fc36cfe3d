/**
 * Folds scales and shifts per output channel behind a convolution or matrix product (batch normalization, mostly) into
 * its constant weights and one bias.
 * Before: maps are fused (`fuse-maps`). After: where the result of a product with constant weights goes to one map that
 * scales it by constants, the weights are scaled and the map adds at most one vector before anything else, as far as
 * `core/analysis/reassociation.ts` allows. Weights that modules store in 16 bits, which scaled ones would not fit, stay: there the map adds one
 * vector before anything else, and then multiplies by another.
 */
import { Builder } from '../core/builder.ts'
import { arg, binary, children, parts, replaceParts, type Expr } from '../core/scalar/expr.ts'
import { applyPatch, countUses, nodesOf, type Graph, type Node, type NodeOf, type Value } from '../core/graph.ts'
import { asHalves, leastSavedByHalves } from '../core/scalar/half.ts'
import { largest, mayMove, mayScale, weightSums } from '../core/analysis/reassociation.ts'
import { elementCount, type Shape } from '../core/shape.ts'
import { tensorOf } from '../core/tensor.ts'
import { channelConstants } from './channel-constants.ts'
import { productOf, type Product } from './product.ts'

/** Products whose weights can take a scale: nothing is looked up in them, which would want them a second time as they are. */
function scalable(node: Node, tables: ReadonlySet<Value>): Product | undefined {
  const product = productOf(node)
  const weights = product?.node.operands[1]
  const known = weights?.node.op === 'constant' && node.results[0]!.type.dtype === 'f32'
  return known && !tables.has(weights) ? product : undefined
}

interface Affine {
  /** The part of the expression that is scale × sum + shift. */
  readonly top: Expr
  readonly scale: readonly number[]
  readonly shift: readonly number[]
  /** The magnitudes of the constants that `shift` is made of. */
  readonly addends: readonly number[]
  readonly steps: number
}

/** One operation with constants `v` more, or undefined for another operation. */
function extended(before: Affine, user: Expr & { kind: 'binary' }, v: readonly number[]): Affine | undefined {
  const { op } = user
  const left = user.a === before.top
  const each = (values: readonly number[], to: (value: number, c: number) => number): number[] =>
    values.map((value, i) => to(value, v[i]!))
  const scaled = (to: (value: number, c: number) => number): Affine => ({
    top: user,
    scale: each(before.scale, to),
    shift: each(before.shift, to),
    addends: each(before.addends, (a, c) => Math.abs(to(a, c))),
    steps: before.steps + 1,
  })
  const shifted = (affine: Affine, to: (value: number, c: number) => number): Affine => ({
    ...affine,
    shift: each(affine.shift, to),
    addends: each(affine.addends, (a, c) => Math.max(a, Math.abs(c))),
  })
  if (op === 'mul') return scaled((x, c) => x * c)
  if (op === 'div' && left) return scaled((x, c) => x / c)
  const same = scaled((x) => x)
  if (op === 'add') return shifted(same, (x, c) => x + c)
  if (op !== 'sub') return undefined
  return left
    ? shifted(same, (x, c) => x - c)
    : shifted(
        scaled((x) => -x),
        (x, c) => x + c,
      )
}

/** The longest run of additions and multiplications by constants that starts at `sum` and that `isSafe` allows. */
function affineOf(
  expr: Expr,
  sum: Expr,
  channels: number,
  values: (e: Expr) => number[] | undefined,
  isSafe: (affine: Affine) => boolean,
): Affine {
  const all = parts(expr)
  const zeros = new Array<number>(channels).fill(0)
  let affine: Affine = { top: sum, scale: zeros.map(() => 1), shift: zeros, addends: zeros, steps: 0 }
  for (;;) {
    const { top } = affine
    const users = all.filter((u) => children(u).includes(top))
    const [user] = users
    if (users.length !== 1 || user?.kind !== 'binary' || user.a === user.b) return affine
    const v = values(user.a === top ? user.b : user.a)
    const next = v && extended(affine, user, v)
    if (!next || !isSafe(next)) return affine
    affine = next
  }
}

/** Whether the weights may take the scale, and the constants become one behind them (core/analysis/reassociation.ts). */
function isSafe({ scale, addends }: Affine, sums: Float64Array): boolean {
  const scaled = largest(sums.map((sum, c) => sum * scale[c]!))
  return mayScale(1, largest(scale)) && mayScale(largest(sums), scaled) && mayMove(largest(addends), scaled)
}

/** Whether a module stores the constant in 16 bits, and saves by that. */
export const isHalved = ({ node }: Value): boolean =>
  node.op === 'constant' &&
  node.attrs.value.data instanceof Float32Array &&
  node.attrs.value.data.byteLength >= 2 * leastSavedByHalves &&
  asHalves(node.attrs.value.data) !== undefined

/** Whether `e` is (sum + …) · … already. */
const isShiftedAndScaled = (e: Expr, sum: Expr): boolean =>
  e.kind === 'binary' && e.op === 'mul' && e.a.kind === 'binary' && e.a.op === 'add' && e.a.a === sum

const along = (axis: number, rank: number, length: number): Shape =>
  Array.from({ length: rank }, (_, i) => (i === axis ? length : 1))

function fold(map: NodeOf<'map'>, index: number, product: Product): Value | undefined {
  const { shape } = map.results[0]!.type
  const value = map.operands[index]!
  if (value.type.shape.length !== shape.length || elementCount(value.type.shape) !== elementCount(shape))
    return undefined
  const sums = parts(map.attrs.expr).filter((e) => e.kind === 'arg' && e.index === index)
  const [sum] = sums
  if (sums.length !== 1 || !sum) return undefined
  const { channels, node, weightAxis, resultAxis } = product
  const magnitudes = weightSums(node.operands[1]!, weightAxis)!
  const affine = affineOf(
    map.attrs.expr,
    sum,
    channels,
    (e) => channelConstants(e, map.operands, shape.length, { axis: resultAxis, count: channels }),
    (next) => isSafe(next, magnitudes),
  )
  if (affine.scale.every((s) => s === 1) && affine.steps < 2) return undefined
  const b = new Builder(node.origin)
  const vector = (values: readonly number[], axis: number, rank: number): Value =>
    b.constant(tensorOf('f32', along(axis, rank, channels), values))
  const weights = node.operands[1]!
  if (isHalved(weights) && affine.scale.some((s) => s !== 1)) {
    const addend = affine.shift.map((c, i) => c / affine.scale[i]!)
    if (isShiftedAndScaled(affine.top, sum) || !mayMove(largest(addend), largest(magnitudes))) return undefined
    const [first, second] = [0, 1].map((i) => arg(map.operands.length + i, 'f32')) as [Expr, Expr]
    const inOrder = binary('mul', binary('add', sum, first), second)
    const vectors = [addend, affine.scale].map((values) => vector(values, resultAxis, shape.length))
    return new Builder(map.origin).map([...map.operands, ...vectors], () =>
      replaceParts(map.attrs.expr, (e) => (e === affine.top ? inOrder : undefined)),
    )
  }
  const scaled = b.binary('mul', weights, vector(affine.scale, weightAxis, weights.type.shape.length))
  const [x] = node.operands
  const folded =
    node.op === 'convolution' ? b.convolution(x!, scaled, node.attrs) : b.dotGeneral(x!, scaled, node.attrs)
  const shifted = affine.shift.some((s) => s !== 0)
  const bias = arg(map.operands.length, 'f32')
  const expr = replaceParts(map.attrs.expr, (e) =>
    e === affine.top ? (shifted ? binary('add', sum, bias) : sum) : undefined,
  )
  const operands = map.operands.map((o, i) => (i === index ? folded : o))
  if (shifted) operands.push(vector(affine.shift, resultAxis, shape.length))
  return new Builder(map.origin).map(operands, () => expr)
}

export function foldAffine(graph: Graph): Graph {
  const uses = countUses(graph)
  const patch = new Map<Value, Value>()
  const nodes = nodesOf(graph)
  const tables = new Set(nodes.flatMap((node) => (node.op === 'gather' ? [node.operands[0]!] : [])))
  for (const node of nodes) {
    if (node.op !== 'map') continue
    for (const [i, operand] of node.operands.entries()) {
      const product = uses.get(operand) === 1 ? scalable(operand.node, tables) : undefined
      const folded = product && fold(node, i, product)
      if (!folded) continue
      patch.set(node.results[0]!, folded)
      break
    }
  }
  return applyPatch(graph, patch)
}
