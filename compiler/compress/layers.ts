import { parts, type Expr } from '../core/scalar/expr.ts'
import { countUses, nodesOf, type Graph, type NodeOf, type Value } from '../core/graph.ts'
import { followedAxis, outputAxisOf, type OutputAxis } from '../core/analysis/relation.ts'
import { elementCount, type Shape } from '../core/shape.ts'
import { typeBytes, type Tensor } from '../core/tensor.ts'

/** Weights of a layer, and where their channels are. */
export interface Weights {
  readonly operand: number
  readonly value: Value
  readonly tensor: Tensor
  /** The axis of the output channels in the weights and in the result; undefined where one scale must do for all. */
  readonly axis: number | undefined
  readonly resultAxis: number
  readonly channels: number
}

/** A constant vector that is added to the layer's result, channel by channel, before anything else. */
export interface Bias {
  readonly map: NodeOf<'map'>
  readonly operand: number
  readonly tensor: Tensor
}

/** What is quantized as a whole or left in f32 as a whole: an op that multiplies, or looks up, by constants or by data. */
export interface Layer {
  /** Of the node in the user's model, made unique. */
  readonly name: string
  readonly operator: string
  readonly node: NodeOf<'convolution'> | NodeOf<'dot_general'> | NodeOf<'gather'>
  /** Operands that are activations; those of a lookup stay as they are. */
  readonly data: readonly number[]
  readonly weights: Weights | undefined
  readonly bias: Bias | undefined
}

/** Smaller tables are not worth a dequantization. */
const smallestTable = 1 << 12

const constantOperand = (value: Value): Tensor | undefined =>
  value.node.op === 'constant' && value.type.dtype === 'f32' ? value.node.attrs.value : undefined

/** The weights that operand `operand` is, whose output channels are along `output`, if along one axis. */
function weightsOf(node: Layer['node'], operand: number, tensor: Tensor, output: OutputAxis | undefined): Weights {
  const resultAxis = output?.resultAxis ?? node.results[0]!.type.shape.length - 1
  const channels = output ? tensor.shape[output.axis]! : 1
  return { operand, value: node.operands[operand]!, tensor, axis: output?.axis, resultAxis, channels }
}

function productLayer(
  node: NodeOf<'convolution'> | NodeOf<'dot_general'>,
): Pick<Layer, 'data' | 'weights'> | undefined {
  const [lhs, rhs] = node.operands.map(constantOperand)
  const tensor = rhs ?? lhs
  if (node.op === 'convolution' ? !rhs : lhs && rhs) return undefined
  if (!tensor) return { data: [0, 1], weights: undefined }
  const operand = rhs ? 1 : 0
  return { data: [1 - operand], weights: weightsOf(node, operand, tensor, outputAxisOf(node, operand)) }
}

/** A lookup in a table whose rows end in an axis that the result ends in, too. */
function lookupLayer(node: NodeOf<'gather'>): Pick<Layer, 'data' | 'weights'> | undefined {
  const tensor = constantOperand(node.operands[0]!)
  if (!tensor || typeBytes(tensor) < smallestTable) return undefined
  const last = tensor.shape.length - 1
  const resultAxis = node.results[0]!.type.shape.length - 1
  const output = followedAxis(node, 0, last) === resultAxis ? { axis: last, resultAxis } : undefined
  return { data: [], weights: weightsOf(node, 0, tensor, output) }
}

/** Whether a tensor that broadcasts to `shape` varies along `axis` alone, over all of its `channels`. */
function isVector(own: Shape, shape: Shape, axis: number, channels: number): boolean {
  const lead = shape.length - own.length
  return elementCount(own) === channels && own.every((d, i) => d === 1 || i + lead === axis)
}

/** The constant that the only map over `value` adds to it first. */
function biasOf(value: Value, { resultAxis, channels }: Weights, maps: readonly NodeOf<'map'>[]): Bias | undefined {
  const [map] = maps
  if (!map || maps.length > 1) return undefined
  const index = map.operands.indexOf(value)
  if (map.operands.lastIndexOf(value) !== index) return undefined
  const { shape } = map.results[0]!.type
  if (shape.length !== value.type.shape.length) return undefined
  const isSum = (e: Expr): boolean => e.kind === 'arg' && e.index === index
  const users = parts(map.attrs.expr).filter(
    (e) => e.kind === 'binary' && (isSum(e.a) || isSum(e.b)) && !(isSum(e.a) && isSum(e.b)),
  )
  const others = users.map((e) => (e.kind === 'binary' && e.op === 'add' ? (isSum(e.a) ? e.b : e.a) : undefined))
  const [other] = others
  if (other?.kind !== 'arg' || others.some((o) => o?.kind !== 'arg' || o.index !== other.index)) return undefined
  const all = parts(map.attrs.expr)
  const direct = all.filter((e) => e.kind === 'unary' || e.kind === 'convert' || e.kind === 'select')
  if (direct.some((e) => ('x' in e ? isSum(e.x) : e.kind === 'select' && (isSum(e.a) || isSum(e.b))))) return undefined
  const constant = map.operands[other.index]!
  const tensor = constantOperand(constant)
  if (!tensor || !isVector(tensor.shape, shape, resultAxis, channels)) return undefined
  return { map, operand: other.index, tensor }
}

/** The layers of a graph whose passes have run, in the order they compute. */
export function layersOf(graph: Graph): Layer[] {
  const uses = countUses(graph)
  const nodes = nodesOf(graph)
  const maps = new Map<Value, NodeOf<'map'>[]>()
  for (const node of nodes) {
    if (node.op !== 'map') continue
    for (const o of new Set(node.operands)) maps.set(o, [...(maps.get(o) ?? []), node])
  }
  const names = new Map<string, number>()
  const layers: Layer[] = []
  for (const node of nodes) {
    if (node.op !== 'convolution' && node.op !== 'dot_general' && node.op !== 'gather') continue
    const [result] = node.results
    if (result!.type.dtype !== 'f32') continue
    const found = node.op === 'gather' ? lookupLayer(node) : productLayer(node)
    if (!found) continue
    const readers = maps.get(result!) ?? []
    const bias =
      node.op !== 'gather' && found.weights && uses.get(result!) === 1
        ? biasOf(result!, found.weights, readers)
        : undefined
    const own = node.origin?.node ?? node.op
    const count = (names.get(own) ?? 0) + 1
    names.set(own, count)
    const name = count === 1 ? own : `${own} (${count})`
    layers.push({ name, operator: node.origin?.operator ?? node.op, node, ...found, bias })
  }
  return layers
}
