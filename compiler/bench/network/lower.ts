import { channelScales, dequantizer } from '../../core/analysis/dequantized.ts'
import { constantOf } from '../../core/evaluate.ts'
import type { Expr } from '../../core/scalar/expr.ts'
import { nodesOf, type Graph, type Node, type NodeOf, type Value } from '../../core/graph.ts'
import type { ConvolutionAttrs } from '../../core/ops/convolution.ts'
import { elementCount, rowMajorStrides, sameShape, walk } from '../../core/shape.ts'
import { toNumbers, type Tensor } from '../../core/tensor.ts'
import { passes, type Pass } from '../../passes/index.ts'
import { argumentUses, lowerExpression } from './expressions.ts'
import { gridOf, inFloats, withGrids } from './fake-quantization.ts'
import { toIntegers } from './integers.ts'
import { NetworkBuilder } from './network-builder.ts'
import type { Network, NetworkTensor } from './network.ts'
import { softmaxInput } from './softmax.ts'
import { unsupported } from './unsupported.ts'
import { padded } from './windows.ts'

/** What converters to these systems' formats do not do: they fold and fuse, but all channels stay, and padding is zeros. */
const left: ReadonlySet<string> = new Set(['dead-channels', 'fold-input-affine'])

const converted = (graph: Graph, runOf: (pass: Pass) => Pass['run']): Graph =>
  passes.filter(({ name }) => !left.has(name)).reduce((g, pass) => runOf(pass)(g), graph)

/**
 * The graph as layers that other systems have too: convolutions, matrix products, pools and elementwise functions on f32.
 * @throws Unsupported with the reason where it has no such form.
 */
export const lowerToNetwork = (graph: Graph): Network =>
  new Lowering(converted(inFloats(graph), ({ run }) => run)).network()

/** The same of a quantized graph in integers, where TensorFlow Lite has the operator for them; inputs and outputs are f32. */
export function lowerToIntegers(graph: Graph): Network {
  // Whatever its size, a constant of integers stays one.
  const runOf = ({ name, run, instead = run }: Pass): Pass['run'] => (name.startsWith('fold-constants') ? instead : run)
  return toIntegers(new Lowering(converted(withGrids(graph), runOf)).network())
}

const channelsLast = (a: ConvolutionAttrs['lhs']): boolean =>
  a.batch === 0 && a.feature === 3 && a.spatial[0] === 1 && a.spatial[1] === 2

class Lowering {
  private readonly graph: Graph
  private readonly net = new NetworkBuilder()
  private readonly tensors = new Map<Value, number>()
  /** Values whose tensor is to be multiplied by this: sums that were lowered as means. */
  private readonly factors = new Map<Value, number>()
  private readonly uses: Map<Value, number>
  private readonly dequantizedOf = dequantizer()

  constructor(graph: Graph) {
    this.graph = graph
    this.uses = usesOf(graph)
  }

  network(): Network {
    const { inputs, outputs } = this.graph
    for (const node of nodesOf(this.graph)) this.lower(node)
    const port = ({ name, value }: { name: string; value: Value }) => ({ name, tensor: this.tensor(value) })
    const ports = { inputs: inputs.map(port), outputs: outputs.map(port) }
    const live = liveLayers(
      this.net,
      ports.outputs.map(({ tensor }) => tensor),
    )
    return { tensors: this.net.tensors, layers: live, ...ports }
  }

  private lower(node: Node): void {
    const [result] = node.results
    if (!result) return
    if (result.type.dtype !== 'f32') return
    if (node.op === 'constant' || constantOf(result)) return
    const tensor = this.lowerNode(node, result)
    if (tensor === undefined) return
    this.tensors.set(result, tensor)
    this.net.replaceReader(tensor, this.uses.get(result) ?? 0)
  }

  /** The tensor that holds a value. */
  private tensor(value: Value): number {
    const factor = this.factors.get(value)
    if (factor !== undefined) {
      this.factors.delete(value)
      const scalar = this.net.tensor([], new Float32Array([factor]))
      const scaled = this.net.layer('mul', [this.tensors.get(value)!, scalar], value.type.shape)
      this.net.replaceReader(scaled, this.uses.get(value)!)
      this.tensors.set(value, scaled)
    }
    const there = this.tensors.get(value)
    if (there !== undefined) return there
    const { node, type } = value
    if (type.dtype !== 'f32') return unsupported(`values of type ${type.dtype}`)
    const known = constantOf(value)
    if (!known) return unsupported(`the operation ${node.op}`)
    const tensor = this.net.tensor(type.shape, numbersOf(known))
    this.tensors.set(value, tensor)
    return tensor
  }

  private lowerNode(node: Node, result: Value): number | undefined {
    const { net } = this
    const { shape } = result.type
    switch (node.op) {
      case 'input':
        return net.tensor(shape)
      case 'convolution':
        return this.convolution(node)
      case 'dot_general':
        return this.dense(node)
      case 'reduce_window':
        return this.pool(node)
      case 'reduce':
        return this.reduce(node)
      case 'map':
        return this.map(node, result)
      case 'reshape': {
        const factor = this.factors.get(node.operands[0]!)
        if (factor !== undefined && this.uses.get(node.operands[0]!) === 1) {
          this.factors.delete(node.operands[0]!)
          this.factors.set(result, factor)
        }
        return net.reshape(this.tensor(node.operands[0]!), shape)
      }
      case 'transpose':
        return net.layer('transpose', [this.tensor(node.operands[0]!)], shape, { perm: node.attrs.perm })
      case 'concatenate':
        return net.layer(
          'concat',
          node.operands.map((o) => this.tensor(o)),
          shape,
          { axis: node.attrs.axis },
        )
      case 'pad': {
        const { low, high } = node.attrs
        const filler = node.operands[1]!.node
        if (filler.op !== 'constant') return unsupported('padding that is not constant')
        const value = numbersOf(filler.attrs.value)[0]!
        return net.layer('pad', [this.tensor(node.operands[0]!)], shape, { low, high, value })
      }
      case 'slice': {
        const { start, strides } = node.attrs
        if (strides.some((s) => s < 0)) return unsupported('a slice that runs backwards')
        const end = start.map((s, i) => s + (shape[i]! - 1) * strides[i]! + 1)
        return net.layer('slice', [this.tensor(node.operands[0]!)], shape, { begin: start, end, step: strides })
      }
      default:
        // Shape arithmetic that nothing needs any more may stand here, so only its use is an error.
        return undefined
    }
  }

  private convolution({ operands: [image, kernel], attrs, results }: NodeOf<'convolution'>): number {
    const { net } = this
    const { lhs, out, rhs, window, groups } = attrs
    if (window.length !== 2) return unsupported(`a convolution along ${window.length} axes`)
    if (!channelsLast(lhs) || !channelsLast(out)) return unsupported('a convolution of another layout')
    const weights = constantOf(kernel!)
    if (!weights) return unsupported('a convolution whose kernel is computed')
    const outputs = weights.shape[rhs.output]!
    const inputs = weights.shape[rhs.input]!
    const [height, width] = [weights.shape[rhs.spatial[0]!]!, weights.shape[rhs.spatial[1]!]!]
    const depthwise = groups > 1
    if (depthwise && inputs !== 1) return unsupported('a convolution in groups')
    const order = depthwise ? [rhs.input, ...rhs.spatial, rhs.output] : [rhs.output, ...rhs.spatial, rhs.input]
    const filter = net.weights(
      depthwise ? [1, height, width, outputs] : [outputs, height, width, inputs],
      transposed(weights, order),
      this.integers(kernel!, rhs.output, order),
    )
    const { x, padding } = padded(net, this.tensor(image!), window, 0)
    const bias = net.tensor([outputs], new Float32Array(outputs))
    return net.layer(depthwise ? 'depthwiseConv2d' : 'conv2d', [x, filter, bias], results[0]!.type.shape, {
      padding,
      strides: window.map((w) => w.stride),
      dilations: window.map((w) => w.dilation),
    })
  }

  /** The integers that weights are stored as, with axes in another order. */
  private integers(weights: Value, axis: number, order: readonly number[]): NetworkTensor['integers'] {
    const stored = this.dequantizedOf(weights)
    const known = stored && constantOf(stored.q)
    const scales = known && channelScales(stored, axis, weights.type.shape[axis]!)
    if (!scales || (known.dtype !== 'i8' && known.dtype !== 'u8')) return undefined
    const offset = known.dtype === 'u8' ? 128 : 0
    return { data: Int8Array.from(transposed(known, order), (q) => q - offset), scales, zero: stored.zero - offset }
  }

  private dense({ operands: [lhs, rhs], attrs, results }: NodeOf<'dot_general'>): number {
    const { net } = this
    const { lhsBatch, lhsContract, rhsContract } = attrs
    const rank = lhs!.type.shape.length
    const rows = lhsBatch.length === 0 && lhsContract.length === 1 && lhsContract[0] === rank - 1
    const weights = constantOf(rhs!)
    if (!rows || !weights || rhs!.type.shape.length !== 2) {
      return unsupported('a matrix product of two computed operands')
    }
    const [contracted] = rhsContract
    const depth = weights.shape[contracted!]!
    const outputs = weights.shape[1 - contracted!]!
    const order = [1 - contracted!, contracted!]
    const integers = this.integers(rhs!, 1 - contracted!, order)
    const matrix = net.weights([outputs, depth], transposed(weights, order), integers)
    const bias = net.tensor([outputs], new Float32Array(outputs))
    const { shape } = results[0]!.type
    const count = elementCount(shape) / outputs
    const x = net.reshape(this.tensor(lhs!), [count, depth])
    return net.reshape(net.layer('dense', [x, matrix, bias], [count, outputs]), shape)
  }

  private pool({ operands: [value], attrs: { kind, window }, results }: NodeOf<'reduce_window'>): number {
    const { net } = this
    const [batch, height, width, channel] = window
    const images = window.length === 4 && [batch!, channel!].every((w) => w.size === 1 && w.stride === 1 && w.low === 0)
    if (!images) return unsupported('a pool along other axes than height and width')
    const spatial = [height!, width!]
    if (spatial.some((w) => w.dilation !== 1)) return unsupported('a pool with dilation')
    const attributes = { size: spatial.map((w) => w.size), strides: spatial.map((w) => w.stride) }
    const { shape } = results[0]!.type
    if (kind === 'max') {
      const { x, padding } = padded(net, this.tensor(value!), spatial, -3.4e38)
      return net.layer('maxPool', [x], shape, { ...attributes, padding })
    }
    if (kind !== 'add') return unsupported(`a pool that takes the ${kind}`)
    // TensorFlow's average leaves padding out of the count, so padding is a layer of its own.
    const bordered = spatial.some((w) => w.low > 0 || w.high > 0)
    const low = [0, height!.low, width!.low, 0]
    const high = [0, height!.high, width!.high, 0]
    const image = this.tensor(value!)
    const x = bordered
      ? net.layer(
          'pad',
          [image],
          net.shape(image).map((d, i) => d + low[i]! + high[i]!),
          { low, high, value: 0 },
        )
      : image
    this.factors.set(results[0]!, height!.size * width!.size)
    return net.layer('averagePool', [x], shape, { ...attributes, padding: 'valid' })
  }

  private reduce({ operands: [value], attrs: { kind, axes }, results }: NodeOf<'reduce'>): number {
    const { net } = this
    if (kind !== 'add' && kind !== 'max') return unsupported(`a reduction that takes the ${kind}`)
    const x = this.tensor(value!)
    if (kind === 'add')
      this.factors.set(
        results[0]!,
        axes.reduce((n, axis) => n * value!.type.shape[axis]!, 1),
      )
    return net.layer(kind === 'add' ? 'mean' : 'max', [x], results[0]!.type.shape, { axes })
  }

  private map(node: NodeOf<'map'>, result: Value): number {
    const quantized = gridOf(node.attrs.expr)
    if (!quantized) return this.formula(node, node.attrs.expr, result)
    return this.net.round(this.formula(node, quantized.x, result), quantized.grid)
  }

  private formula({ operands }: NodeOf<'map'>, expr: Expr, result: Value): number {
    const softmaxOf = softmaxInput(expr, operands)
    if (softmaxOf) return this.net.layer('softmax', [this.tensor(softmaxOf)], result.type.shape)
    const mean = this.mean(expr, operands)
    if (mean !== undefined) return mean
    const args = operands.map((o) => this.tensor(o))
    const tensor = lowerExpression(this.net, expr, args)
    if (!sameShape(this.net.shape(tensor), result.type.shape)) return unsupported('an expression that broadcasts')
    return tensor
  }

  /** A sum times a constant, where the sum was lowered as a mean: the mean itself if they cancel. */
  private mean(expr: Expr, operands: readonly Value[]): number | undefined {
    const factor = operands.length === 1 ? this.factors.get(operands[0]!) : undefined
    if (factor === undefined || expr.kind !== 'binary') return undefined
    const [a, b] = expr.a.kind === 'arg' ? [expr.a, expr.b] : [expr.b, expr.a]
    if (a.kind !== 'arg' || b.kind !== 'const') return undefined
    const quotient = expr.op === 'mul' ? factor * Number(b.value) : factor / Number(b.value)
    const cancels = (expr.op === 'mul' || (expr.op === 'div' && a === expr.a)) && Math.abs(quotient - 1) < 1e-6
    return cancels ? this.tensors.get(operands[0]!) : undefined
  }
}

/** How many operands, parts of expressions and outputs read each value. */
function usesOf(graph: Graph): Map<Value, number> {
  const uses = new Map<Value, number>()
  const add = (value: Value, count: number): void => void uses.set(value, (uses.get(value) ?? 0) + count)
  for (const node of nodesOf(graph)) {
    const counts = node.op === 'map' ? argumentUses(node.attrs.expr, node.operands.length) : undefined
    node.operands.forEach((operand, i) => add(operand, counts ? counts[i]! : 1))
  }
  graph.outputs.forEach(({ value }) => add(value, 1))
  return uses
}

/** The layers that the outputs depend on: those of a softmax's parts, for instance, are not among them. */
function liveLayers({ layers }: NetworkBuilder, outputs: readonly number[]): Network['layers'] {
  const needed = new Set(outputs)
  const live = layers.toReversed().filter((layer) => {
    if (!needed.has(layer.output)) return false
    layer.inputs.forEach((input) => needed.add(input))
    return true
  })
  return live.reverse()
}

const numbersOf = (tensor: Tensor): Float32Array => Float32Array.from(toNumbers(tensor))

/** The elements with axes in another order. */
function transposed(tensor: Tensor, perm: readonly number[]): Float32Array {
  const values = numbersOf(tensor)
  const strides = rowMajorStrides(tensor.shape)
  const result = new Float32Array(values.length)
  let at = 0
  walk(
    perm.map((axis) => tensor.shape[axis]!),
    [perm.map((axis) => strides[axis]!)],
    ([from]) => {
      result[at++] = values[from!]!
    },
  )
  return result
}
