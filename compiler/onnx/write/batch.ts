/**
 * One ONNX graph from those of several batch sizes, which it stands for: they are walked in step, and what differs between them is
 * computed from the size of an input.
 */
import { CompileError, fail, type Diagnostic } from '../../core/diagnostics/diagnostic.ts'
import { isBigInt, isFloat, isStorageOnly } from '../../core/scalar/dtype.ts'
import { normalize } from '../../core/scalar/scalar.ts'
import { broadcastStrides, sameShape, walk } from '../../core/shape.ts'
import { pick, reader, sameType, tensorOf, type Tensor } from '../../core/tensor.ts'
import { Emitter } from './emitter.ts'
import { graphsIn, storedIn, type Attribute, type Edge, type OnnxGraph, type OnnxNode } from './graph.ts'

/** A length as per · size + plus. */
interface Linear {
  readonly per: number
  readonly plus: number
}

/** Dimensions by edge, of those that differ. */
export type Dimensions = ReadonlyMap<Edge, readonly (number | string)[]>

export interface Batched {
  readonly graph: OnnxGraph
  readonly dimensions: Dimensions
}

/** The numbers as a function of the sizes; undefined if they are not a line. */
function line(values: readonly number[], sizes: readonly number[]): Linear | undefined {
  const per = (values[1]! - values[0]!) / (sizes[1]! - sizes[0]!)
  const plus = values[0]! - per * sizes[0]!
  return Number.isInteger(per) && values.every((v, i) => v === per * sizes[i]! + plus) ? { per, plus } : undefined
}

/** The first of `graphs`, one for each of `sizes`, for any size; `dimension` is what that is called. A402 with every node that forbids it. */
export function batched(graphs: readonly OnnxGraph[], sizes: readonly number[], dimension: string): Batched {
  return new Batcher(sizes, dimension).batched(graphs)
}

class Batcher {
  private readonly sizes: readonly number[]
  private readonly dimension: string
  private readonly head = new Emitter()
  private readonly twins = new Map<Edge, readonly Edge[]>()
  private readonly dimensions = new Map<Edge, readonly (number | string)[]>()
  private readonly derived = new Map<string, Edge>()
  private readonly found: Diagnostic[] = []
  private size: Edge | undefined

  constructor(sizes: readonly number[], dimension: string) {
    this.sizes = sizes
    this.dimension = dimension
  }

  batched(graphs: readonly OnnxGraph[]): Batched {
    const [first] = graphs as readonly [OnnxGraph]
    first.inputs.forEach((edge, i) =>
      this.pair(
        graphs.map((g) => g.inputs[i]!),
        edge,
      ),
    )
    this.size = this.sizeOf(first)
    this.walk(graphs)
    if (this.found.length > 0) throw new CompileError(this.found)
    return { graph: { ...first, nodes: [...this.head.nodes, ...first.nodes] }, dimensions: this.dimensions }
  }

  /** The size as a vector of one element, from the first input that tells it. */
  private sizeOf({ inputs }: OnnxGraph): Edge {
    for (const edge of inputs) {
      const dims = this.dimensions.get(edge)
      const axis = dims?.indexOf(this.dimension) ?? -1
      if (axis < 0) continue
      const [size] = this.head.nodeOf('Shape', [edge], [{ dtype: 'i64', shape: [1] }], { start: axis, end: axis + 1 })
      return size!
    }
    fail('A402', `no input has an axis of the length of the batch, which would be "${this.dimension}"`)
  }

  /** Takes edges to be the same, but for the size. */
  private pair(edges: readonly Edge[], first: Edge): void {
    this.twins.set(first, edges)
    const shapes = edges.map((edge) => edge.type.shape)
    if (shapes.every((shape) => sameShape(shape, shapes[0]!))) return
    const dims = shapes[0]!.map((d, axis) => {
      const lengths = shapes.map((shape) => shape[axis]!)
      if (lengths.every((length) => length === d)) return d
      const found = line(lengths, this.sizes)
      return found ? this.text(found) : ''
    })
    this.dimensions.set(first, dims)
  }

  private text({ per, plus }: Linear): string {
    const product = per === 1 ? this.dimension : `${per} * ${this.dimension}`
    return plus === 0 ? product : `${product} ${plus < 0 ? '-' : '+'} ${Math.abs(plus)}`
  }

  private refuse(message: string, { origin }: OnnxNode): void {
    this.found.push({
      code: 'A402',
      message: `${message}, so that the model cannot be written for any "${this.dimension}"`,
      ...(origin && { origin }),
    })
  }

  private walk(graphs: readonly OnnxGraph[]): void {
    const [first] = graphs as readonly [OnnxGraph]
    first.nodes.forEach((node, i) =>
      this.node(
        node,
        graphs.map((g) => g.nodes[i]),
      ),
    )
    const last = first.nodes.at(-1)
    if (last && graphs.some((g) => g.nodes.length !== first.nodes.length))
      this.refuse('the graphs of different sizes have different nodes', last)
    first.outputs.forEach(({ edge }, i) =>
      this.pair(
        graphs.map((g) => g.outputs[i]!.edge),
        edge,
      ),
    )
  }

  private node(node: OnnxNode, all: readonly (OnnxNode | undefined)[]): void {
    const isSame = all.every(
      (n) => n?.operator === node.operator && n.domain === node.domain && n.inputs.length === node.inputs.length,
    )
    if (!isSame) return this.refuse('its size decides which operators compute this node', node)
    const nodes = all as readonly OnnxNode[]
    const others = nodes.map((n) => plain(n.attributes))
    const differing = Object.keys(others[0]!).find((key) => others.some((o) => o[key] !== others[0]![key]))
    if (differing !== undefined) this.refuse(`attribute "${differing}" of ${node.operator} differs with the size`, node)
    node.outputs.forEach((edge, i) =>
      this.pair(
        nodes.map((n) => n.outputs[i]!),
        edge,
      ),
    )
    node.inputs = node.inputs.map(
      (edge, i) =>
        edge &&
        this.input(
          node,
          i,
          edge,
          nodes.map((n) => n.inputs[i]!),
        ),
    )
    const inner = nodes.map(graphsIn)
    inner[0]!.forEach((graph, i) => {
      graph.inputs.forEach((edge, k) =>
        this.pair(
          inner.map((list) => list[i]!.inputs[k]!),
          edge,
        ),
      )
      this.walk(inner.map((list) => list[i]!))
    })
  }

  private input(node: OnnxNode, i: number, edge: Edge, edges: readonly Edge[]): Edge {
    const tensors = edges.map(storedIn)
    if (tensors.every((t) => t === undefined)) {
      const twins = this.twins.get(edge)
      if (!twins || twins.some((twin, k) => twin !== edges[k]))
        this.refuse(`input ${i} of ${node.operator} differs with the size`, node)
      return edge
    }
    if (tensors.some((t) => t === undefined)) {
      this.refuse(`input ${i} of ${node.operator} differs with the size`, node)
      return edge
    }
    const known = tensors as readonly Tensor[]
    if (known.every((t) => sameTensor(t, known[0]!))) return edge
    const isShape = node.operator === 'Reshape' && i === 1
    const made = (isShape && this.inferred(known)) || this.derive(known)
    if (!made)
      this.refuse(`input ${i} of ${node.operator} is a constant of ${known[0]!.dtype} that differs with the size`, node)
    return made ?? edge
  }

  /** A shape of which one length differs, which Reshape finds out. */
  private inferred(shapes: readonly Tensor[]): Edge | undefined {
    const lists = shapes.map(numbersOf)
    if (!lists.every((list) => list.length === lists[0]!.length)) return undefined
    const differing = lists[0]!.flatMap((d, axis) => (lists.some((list) => list[axis] !== d) ? [axis] : []))
    if (differing.length !== 1 || lists[0]!.includes(0)) return undefined
    return this.head.ints(lists[0]!.with(differing[0]!, -1))
  }

  private derive(tensors: readonly Tensor[]): Edge | undefined {
    const key = tensors.map((t) => `${t.dtype}[${t.shape.join()}] ${t.data.join()}`).join('; ')
    const made = this.derived.get(key) ?? (this.derivedValues(tensors) || this.derivedShape(tensors))
    if (made) this.derived.set(key, made)
    return made
  }

  /** Numbers, each of which is a line over the sizes. */
  private derivedValues(tensors: readonly Tensor[]): Edge | undefined {
    const [{ dtype, shape }] = tensors as readonly [Tensor]
    if (isStorageOnly(dtype) || dtype === 'bool' || !tensors.every((t) => sameType(t, tensors[0]!))) return undefined
    const lists = tensors.map(numbersOf)
    const lines = lists[0]!.map((_, i) =>
      line(
        lists.map((list) => list[i]!),
        this.sizes,
      ),
    )
    if (!lines.every((l) => l !== undefined)) return undefined
    const e = this.head
    const wide = isFloat(dtype) ? dtype : 'i64'
    const list = (values: readonly number[]): Edge => e.stored(tensorOf(wide, [values.length], values))
    const scaled = this.times(
      wide,
      lines.map((l) => l.per),
    )
    const plus = lines.map((l) => l.plus)
    const sum = plus.every((p) => p === 0) ? scaled : e.elementwise('Add', [scaled, list(plus)])
    return e.reshape(e.cast(sum, dtype), shape)
  }

  /** The size times each of the numbers. */
  private times(dtype: Tensor['dtype'], per: readonly number[]): Edge {
    const e = this.head
    const size = e.cast(this.size!, dtype)
    if (per.length === 1 && per[0] === 1) return size
    return e.elementwise('Mul', [size, e.stored(tensorOf(dtype, [per.length], per))])
  }

  /** A tensor that is the same all along the axes whose lengths differ, or rises by a step along one. */
  private derivedShape(tensors: readonly Tensor[]): Edge | undefined {
    const [first] = tensors as readonly [Tensor]
    const { dtype } = first
    if (tensors.some((t) => t.shape.length !== first.shape.length)) return undefined
    const axes = first.shape.flatMap((d, axis) => (tensors.some((t) => t.shape[axis] !== d) ? [axis] : []))
    if (axes.length === 0 || tensors.some((t) => axes.some((axis) => t.shape[axis] === 0))) return undefined
    const shapes = tensors.map((t) => tensorOf('i64', [t.shape.length], t.shape))
    const shape = this.derivedValues(shapes)
    const starts = tensors.map((t) =>
      pick(
        t,
        t.shape.map((_, axis) => (axes.includes(axis) ? [0] : undefined)),
      ),
    )
    if (!shape || !starts.every((t) => sameTensor(t, starts[0]!))) return undefined
    const e = this.head
    const start = e.stored(starts[0]!)
    if (tensors.every((t) => isRising(t, starts[0]!, undefined))) return e.nodeOf('Expand', [start, shape], [first])[0]!
    const [axis] = axes
    if (axes.length !== 1 || isFloat(dtype) || dtype === 'bool' || isStorageOnly(dtype)) return undefined
    const next = pick(
      first,
      first.shape.map((_, i) => (i === axis ? [1] : undefined)),
    )
    const steps = stepsBetween(starts[0]!, next)
    if (!tensors.every((t) => isRising(t, starts[0]!, { axis: axis!, steps }))) return undefined
    const lengths = tensors.map((t) => tensorOf('i64', [], [t.shape[axis!]!]))
    const bounds = [e.scalar(0, 'i64'), this.derive(lengths)!, e.scalar(1, 'i64')]
    const range = e.nodeOf('Range', bounds, [{ dtype: 'i64', shape: [first.shape[axis!]!] }])[0]!
    const aligned = e.node('Reshape', [range, e.ints(first.shape.map((_, i) => (i === axis ? -1 : 1)))], {
      dtype: 'i64',
      shape: first.shape.map((d, i) => (i === axis ? d : 1)),
    })
    const risen = e.elementwise('Mul', [aligned, e.stored(steps)])
    return e.cast(e.elementwise('Add', [e.cast(start, 'i64'), risen]), dtype)
  }
}

const numbersOf = (t: Tensor): number[] => {
  const read = reader(t)
  return Array.from({ length: t.data.length }, (_, i) => Number(read(i)))
}

const sameTensor = (a: Tensor, b: Tensor): boolean =>
  a === b || (sameType(a, b) && a.data.length === b.data.length && a.data.every((v, i) => Object.is(v, b.data[i])))

/** The differences, as int64. */
function stepsBetween(from: Tensor, to: Tensor): Tensor {
  const [a, b] = [numbersOf(from), numbersOf(to)]
  return tensorOf(
    'i64',
    from.shape,
    a.map((v, i) => b[i]! - v),
  )
}

/** Whether each element is that of `start`, and as many steps more as it stands along the axis. */
function isRising(t: Tensor, start: Tensor, rise: { axis: number; steps: Tensor } | undefined): boolean {
  const strides = broadcastStrides(start.shape, t.shape)
  const [read, first] = [reader(t), reader(start)]
  const step = rise && reader(rise.steps)
  let [at, isSame] = [0, true]
  walk(t.shape, [strides], ([from], index) => {
    const value = first(from!)
    const risen = (): bigint => BigInt(value) + BigInt(step!(from!)) * BigInt(index[rise!.axis]!)
    const expected = rise ? normalize(t.dtype, isBigInt(t.dtype) ? risen() : Number(risen())) : value
    isSame &&= Object.is(read(at++), expected)
  })
  return isSame
}

/** Attributes as text; graphs are walked apart. */
const plain = (attributes: OnnxNode['attributes']): Record<string, string> =>
  Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, textOf(value)]))

function textOf(value: Attribute): string {
  if (typeof value !== 'object' || Array.isArray(value)) return JSON.stringify(value)
  if ('graph' in value) return 'graph'
  return 'tensor' in value ? `${value.tensor.shape} ${value.tensor.data.join()}` : JSON.stringify(value)
}
