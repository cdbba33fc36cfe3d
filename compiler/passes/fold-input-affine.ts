/**
 * Folds scales and shifts by constants that a map ends in into the weights of the convolution that reads it, and into one vector
 * behind that: hard-swish ends in a division, PP-LCNetV3 in a scale and a shift behind each convolution and each activation.
 * Before: maps are fused, and what stands behind a convolution is in its weights (`fold-affine`). After: a convolution with constant
 * weights that reads a map alone reads what stands before the map's last constants, as far as `core/analysis/reassociation.ts` allows.
 * Its padding holds what they would bring to the number that it held. The vector is an addition of its own, to be fused.
 */
import { Builder } from '../core/builder.ts'
import type { Expr } from '../core/scalar/expr.ts'
import { applyPatch, countUses, nodesOf, type Graph, type NodeOf, type Value } from '../core/graph.ts'
import { largest, mayMove, mayScale } from '../core/analysis/reassociation.ts'
import { elementCount, rowMajorStrides, sameShape } from '../core/shape.ts'
import { tensorOf } from '../core/tensor.ts'
import { channelConstants } from './channel-constants.ts'
import { isHalved } from './fold-affine.ts'

/** An expression as scale × inner + shift for each channel. */
interface Affine {
  readonly inner: Expr
  readonly scale: readonly number[]
  readonly shift: readonly number[]
  /** The magnitudes of the constants that `shift` is made of. */
  readonly addends: readonly number[]
}

/** The same with the last operation on `inner` taken apart; undefined where it is none with constants. */
function peeled(
  { inner, scale, shift, addends }: Affine,
  values: (e: Expr) => number[] | undefined,
): Affine | undefined {
  if (inner.kind !== 'binary' || inner.dtype !== 'f32') return undefined
  const right = values(inner.b)
  const constants = right ?? values(inner.a)
  if (!constants) return undefined
  const rest = right ? inner.a : inner.b
  const scaled = (by: (s: number, c: number) => number): Affine => {
    return { inner: rest, scale: scale.map((s, i) => by(s, constants[i]!)), shift, addends }
  }
  const shifted = (sign: 1 | -1): Affine => {
    const added = scale.map((s, i) => s * constants[i]!)
    return {
      inner: rest,
      scale: sign < 0 && !right ? scale.map((s) => -s) : scale,
      shift: shift.map((t, i) => (sign < 0 && right ? t - added[i]! : t + added[i]!)),
      addends: addends.map((a, i) => Math.max(a, Math.abs(added[i]!))),
    }
  }
  switch (inner.op) {
    case 'mul':
      return scaled((s, c) => s * c)
    case 'div':
      return right && scaled((s, c) => s / c)
    case 'add':
      return shifted(1)
    case 'sub':
      return shifted(-1)
    default:
      return undefined
  }
}

type Convolution = NodeOf<'convolution'>

/** What the padding holds behind the scale and the shift; undefined where channels differ in it. */
function paddingOf({ attrs }: Convolution, { scale, shift }: Affine): number | undefined {
  const { window, padValue = 0 } = attrs
  if (window.every((w) => w.low <= 0 && w.high <= 0 && w.baseDilation === 1)) return padValue
  const [first, ...others] = scale.map((s, i) => Math.fround((padValue - shift[i]!) / s))
  const spread = window.some((w) => w.baseDilation > 1)
  return Number.isFinite(first) && others.every((p) => p === first) && !(spread && first !== 0) ? first! + 0 : undefined
}

interface Folded {
  /** The weights, each times its input channel's scale. */
  readonly weights: Float32Array
  /** What the shifts bring to each output channel. */
  readonly bias: Float64Array
}

function intoWeights({ operands, attrs }: Convolution, { scale, shift }: Affine): Folded | undefined {
  const w = operands[1]!
  const data = w.node.op === 'constant' ? w.node.attrs.value.data : undefined
  if (!(data instanceof Float32Array)) return undefined
  const { shape } = w.type
  const strides = rowMajorStrides(shape)
  const { input, output } = attrs.rhs
  const [inputs, outputs] = [shape[input]!, shape[output]!]
  const perGroup = outputs / attrs.groups
  const weights = new Float32Array(data.length)
  const bias = new Float64Array(outputs)
  const [before, after] = [new Float64Array(outputs), new Float64Array(outputs)]
  for (let i = 0; i < data.length; i++) {
    const o = Math.floor(i / strides[output]!) % outputs
    const channel = Math.floor(o / perGroup) * inputs + (Math.floor(i / strides[input]!) % inputs)
    weights[i] = data[i]! * scale[channel]!
    bias[o]! += data[i]! * shift[channel]!
    before[o]! += Math.abs(data[i]!)
    after[o]! += Math.abs(weights[i]!)
  }
  return mayScale(largest(before), largest(after)) ? { weights, bias } : undefined
}

/** Whether the constants may go: what they scale is taken to be as large as 1. */
const isSafe = ({ scale, addends }: Affine): boolean =>
  mayScale(1, largest(scale)) && mayMove(largest(addends), largest(scale))

/** The longest run of operations with constants at the end of the map that may go into the convolution. */
function affineOf(map: NodeOf<'map'>, convolution: Convolution): (Affine & { readonly padding: number }) | undefined {
  const axis = convolution.attrs.lhs.feature
  const { shape } = map.results[0]!.type
  const channels = { axis, count: shape[axis]! }
  const none = new Array<number>(channels.count).fill(0)
  let found: (Affine & { readonly padding: number }) | undefined
  let affine: Affine | undefined = { inner: map.attrs.expr, scale: none.map(() => 1), shift: none, addends: none }
  while (affine) {
    affine = peeled(affine, (e) => channelConstants(e, map.operands, shape.length, channels))
    const padding = affine && isSafe(affine) ? paddingOf(convolution, affine) : undefined
    if (affine && padding !== undefined) found = { ...affine, padding }
  }
  return found
}

function fold(map: NodeOf<'map'>, node: Convolution): Value | undefined {
  const affine = affineOf(map, node)
  const folded = affine && intoWeights(node, affine)
  if (!folded) return undefined
  const { inner, padding } = affine
  const operand = inner.kind === 'arg' ? map.operands[inner.index] : undefined
  const isWhole = operand !== undefined && sameShape(operand.type.shape, map.results[0]!.type.shape)
  const x = isWhole ? operand : new Builder(map.origin).map(map.operands, () => inner)
  if (!sameShape(x.type.shape, map.results[0]!.type.shape)) return undefined
  const b = new Builder(node.origin)
  const { padValue: _, ...attrs } = node.attrs
  const weights = b.constant(tensorOf('f32', node.operands[1]!.type.shape, folded.weights))
  const sums = b.convolution(x, weights, { ...attrs, ...(padding !== 0 && { padValue: padding }) })
  if (folded.bias.every((c) => c === 0)) return sums
  const along = sums.type.shape.map((_, i) => (i === attrs.out.feature ? folded.bias.length : 1))
  return b.binary('add', sums, b.constant(tensorOf('f32', along, folded.bias)))
}

export function foldInputAffine(graph: Graph): Graph {
  const uses = countUses(graph)
  const patch = new Map<Value, Value>()
  for (const node of nodesOf(graph)) {
    if (node.op !== 'convolution' || (node.attrs.batchGroups ?? 1) > 1) continue
    const [x, w] = node.operands
    const map = x!.node
    if (map.op !== 'map' || x!.type.dtype !== 'f32' || uses.get(x!) !== 1) continue
    if (uses.get(w!) !== 1 || elementCount(x!.type.shape) === 0 || isHalved(w!)) continue
    const folded = fold(map, node)
    if (folded) patch.set(node.results[0]!, folded)
  }
  return applyPatch(graph, patch)
}
