import { fail, type Origin } from '../../core/diagnostics/diagnostic.ts'
import type { DType, Scalar } from '../../core/scalar/dtype.ts'
import { ops } from '../../core/ops/index.ts'
import { convertScalar } from '../../core/scalar/scalar.ts'
import { broadcastShapes, sameShape, type Shape } from '../../core/shape.ts'
import { bytesOf, reader, tensorOf, writer, zeros, type Tensor, type TensorType } from '../../core/tensor.ts'
import { numberOf } from './data-types.ts'
import { nodeOf, storedIn, type Attributes, type Edge, type EdgeType, type OnnxNode } from './graph.ts'
import { computes, computeType, type Computing } from './kernels.ts'

/** Ends of a slice beyond every axis, of which ONNX says that they are clamped. */
const beyond = 2 ** 31

/** Elements up to which equal initializers become one. */
const sharedElements = 64

const storedTypes: ReadonlySet<DType> = new Set(['i8', 'u8', 'i4', 'u4'] as const)

/** Initializers of a model, small ones once. */
class Store {
  private readonly known = new Map<string, Edge>()
  private readonly given = new Map<Tensor, Edge>()

  edge(tensor: Tensor): Edge {
    const before = this.given.get(tensor)
    if (before) return before
    const make = (): Edge => ({ type: tensor, from: { kind: 'stored', tensor } })
    const edge = tensor.data.length > sharedElements ? make() : this.equal(tensor, make)
    this.given.set(tensor, edge)
    return edge
  }

  private equal(tensor: Tensor, make: () => Edge): Edge {
    const key = `${tensor.dtype}[${tensor.shape.join()}] ${bytesOf(tensor).join()}`
    const edge = this.known.get(key) ?? make()
    this.known.set(key, edge)
    return edge
  }
}

/**
 * Makes the nodes of one ONNX graph. Methods that are named like an operator make one, or none where that changes nothing, and views of
 * initializers are made at once.
 */
export class Emitter {
  readonly nodes: OnnxNode[] = []
  /** Of the nodes that are made. */
  origin: Origin | undefined
  private readonly store: Store

  constructor(store = new Store()) {
    this.store = store
  }

  /** For the nodes of a graph within this one. */
  inner(): Emitter {
    const inner = new Emitter(this.store)
    inner.origin = this.origin
    return inner
  }

  /** A402: the graph cannot be written. */
  refuse(message: string, hint?: string): never {
    fail('A402', message, { ...(this.origin && { origin: this.origin }), ...(hint !== undefined && { hint }) })
  }

  /** The results of a new node. */
  nodeOf(
    operator: string,
    inputs: readonly (Edge | undefined)[],
    types: readonly EdgeType[],
    attributes: Attributes = {},
    domain = '',
  ): readonly Edge[] {
    const outputs: Edge[] = []
    const node: OnnxNode = { operator, domain, inputs, attributes, outputs, origin: this.origin }
    types.forEach((type, index) => outputs.push({ type, from: { kind: 'node', node, index } }))
    this.nodes.push(node)
    return outputs
  }

  node(operator: string, inputs: readonly (Edge | undefined)[], type: TensorType, attributes: Attributes = {}): Edge {
    return this.nodeOf(operator, inputs, [type], attributes)[0]!
  }

  stored(tensor: Tensor): Edge {
    return this.store.edge(tensor)
  }

  scalar(value: Scalar, dtype: DType): Edge {
    return this.stored(tensorOf(dtype, [], [value]))
  }

  /** A vector of int64, as shapes, axes and the like are given. */
  ints(values: readonly (number | bigint)[]): Edge {
    return this.stored(tensorOf('i64', [values.length], values))
  }

  /** A tensor of one value. */
  full(value: Scalar, dtype: DType, shape: Shape): Edge {
    return this.expand(this.scalar(value, dtype), shape)
  }

  /** An element-wise operator, computed in a type that it has kernels for. */
  elementwise(operator: Computing, inputs: readonly Edge[], result?: DType, attributes: Attributes = {}): Edge {
    const { dtype } = inputs[0]!.type
    const as = computeType(operator, dtype)
    const shape = broadcastShapes(inputs.map((x) => x.type.shape))!
    const y = this.node(
      operator,
      inputs.map((x) => this.cast(x, as)),
      { dtype: result ?? as, shape },
      attributes,
    )
    return result ? y : this.cast(y, dtype)
  }

  /** Cast with ONNX's own rule, which for floats that do not fit an integer says nothing. */
  cast(x: Edge, dtype: DType): Edge {
    if (x.type.dtype === dtype) return x
    const tensor = storedIn(x)
    // Weights of 8 bits and fewer stay so, and become a DequantizeLinear.
    const isWeights = tensor && tensor.shape.length > 0 && dtype === 'f32' && storedTypes.has(tensor.dtype)
    if (tensor && tensor.data.length <= sharedElements && !isWeights) return this.stored(converted(tensor, dtype))
    return this.node('Cast', [x], { dtype, shape: x.type.shape }, { to: numberOf(dtype) })
  }

  not(x: Edge): Edge {
    return this.elementwise('Not', [x])
  }

  /** `a` where `condition` holds, else `b`. */
  where(condition: Edge, a: Edge, b: Edge): Edge {
    const { dtype } = a.type
    const as = computeType('Where', dtype)
    const shape = broadcastShapes([condition, a, b].map((x) => x.type.shape))!
    return this.cast(this.node('Where', [condition, this.cast(a, as), this.cast(b, as)], { dtype: as, shape }), dtype)
  }

  reshape(x: Edge, shape: Shape): Edge {
    if (sameShape(x.type.shape, shape)) return x
    const type = { dtype: x.type.dtype, shape }
    const tensor = storedIn(x)
    if (tensor) return this.stored({ ...tensor, shape })
    const source = nodeOf(x, 'Reshape')?.inputs[0] ?? x
    if (sameShape(source.type.shape, shape)) return source
    return this.node('Reshape', [source, this.ints(shape)], type, shape.includes(0) ? { allowzero: 1 } : {})
  }

  /** With an axis of length 1 at each place of `axes`. */
  unsqueeze(x: Edge, axes: readonly number[]): Edge {
    const shape: number[] = []
    let next = 0
    for (let i = 0; i < x.type.shape.length + axes.length; i++) shape.push(axes.includes(i) ? 1 : x.type.shape[next++]!)
    return this.reshape(x, shape)
  }

  transpose(x: Edge, perm: readonly number[]): Edge {
    if (perm.every((p, i) => p === i)) return x
    const tensor = storedIn(x)
    if (tensor) return this.stored(ops.transpose.evaluate([tensor], { perm })[0]!)
    const before = nodeOf(x, 'Transpose')
    if (before)
      return this.transpose(
        before.inputs[0]!,
        perm.map((p) => (before.attributes['perm'] as number[])[p]!),
      )
    const type = { dtype: x.type.dtype, shape: perm.map((p) => x.type.shape[p]!) }
    return this.node('Transpose', [x], type, { perm })
  }

  expand(x: Edge, shape: Shape): Edge {
    if (sameShape(x.type.shape, shape)) return x
    return this.node('Expand', [x, this.ints(shape)], { dtype: x.type.dtype, shape })
  }

  /** Elements start, start + stride, … along each axis, as core's slice. */
  slice(x: Edge, start: readonly number[], shape: Shape, strides: readonly number[] = start.map(() => 1)): Edge {
    const cut = shape.flatMap((count, i) =>
      count === x.type.shape[i] && start[i] === 0 && strides[i] === 1 ? [] : [i],
    )
    if (cut.length === 0) return x
    const tensor = storedIn(x)
    if (tensor) return this.stored(ops.slice.evaluate([tensor], { start, shape, strides })[0]!)
    const ends = cut.map((i) => {
      const [from, count, by] = [start[i]!, shape[i]!, strides[i]!]
      const end = from + count * by
      // Below 0 an end would count from the axis's own.
      return count === 0 ? from : end < 0 ? -beyond : end
    })
    const lists = [cut.map((i) => start[i]!), ends, cut, cut.map((i) => strides[i]!)]
    const inputs = strides.every((s) => s === 1) ? lists.slice(0, 3) : lists
    return this.node('Slice', [x, ...inputs.map((list) => this.ints(list))], { dtype: x.type.dtype, shape })
  }

  sliceAxis(x: Edge, axis: number, start: number, count: number, stride = 1): Edge {
    const at = (value: number, other: number): number[] => x.type.shape.map((_, i) => (i === axis ? value : other))
    return this.slice(x, at(start, 0), x.type.shape.with(axis, count), at(stride, 1))
  }

  /** `x` surrounded by a scalar. */
  pad(x: Edge, value: Edge, low: readonly number[], high: readonly number[]): Edge {
    if ([...low, ...high].every((n) => n === 0)) return x
    const { dtype } = x.type
    const shape = x.type.shape.map((d, i) => low[i]! + d + high[i]!)
    const as = computeType('Pad', dtype)
    const inputs = [this.cast(x, as), this.ints([...low, ...high]), this.cast(value, as)]
    return this.cast(this.node('Pad', inputs, { dtype: as, shape }), dtype)
  }

  concat(all: readonly Edge[], axis: number): Edge {
    const parts = all.filter(({ type }) => type.shape[axis] !== 0)
    if (parts.length < 2) return parts[0] ?? all[0]!
    const { type } = parts[0]!
    const length = parts.reduce((sum, p) => sum + p.type.shape[axis]!, 0)
    return this.node('Concat', parts, { dtype: type.dtype, shape: type.shape.with(axis, length) }, { axis })
  }

  /** 0, 1, … `length` - 1. */
  range(length: number, dtype: DType): Edge {
    const as = computes('Range', dtype) ? dtype : 'i64'
    const bounds = [0, length, 1].map((n) => this.scalar(n, as))
    return this.cast(this.node('Range', bounds, { dtype: as, shape: [length] }), dtype)
  }
}

function converted(tensor: Tensor, dtype: DType): Tensor {
  const result = zeros(dtype, tensor.shape)
  const [read, write] = [reader(tensor), writer(result)]
  for (let i = 0; i < tensor.data.length; i++) write(i, convertScalar(read(i), tensor.dtype, dtype))
  return result
}
