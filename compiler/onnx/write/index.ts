/** Core graph → ONNX model. */
import type { PortNames } from '../../core/artefact/artefact.ts'
import { CompileError, fail, type Diagnostic } from '../../core/diagnostics/diagnostic.ts'
import { countsOf, nodesOf, regionsOf, type Graph, type Node, type Value } from '../../core/graph.ts'
import { zeros, type Tensor } from '../../core/tensor.ts'
import { optimizeRegions } from '../../passes/regions.ts'
import { version } from '../../version.ts'
import { batched, type Batched } from './batch.ts'
import { convolutionsChannelsFirst } from './channels-first.ts'
import { Emitter } from './emitter.ts'
import { encode } from './encode.ts'
import { type Edge, type OnnxGraph, type OnnxOutput } from './graph.ts'
import { placesOf, stringsAt } from './labels.ts'
import { nameAll } from './names.ts'
import { emitNode } from './ops/index.ts'
import type { EmitRegion } from './ops/rule.ts'
import { recognize } from './recognize/index.ts'

export interface WriteOptions {
  /** The model's metadata_props. */
  readonly metadata?: Readonly<Record<string, string>>
  /** What constants and values are called; others are named after their nodes. */
  readonly names?: ReadonlyMap<Value | Tensor, string>
  /** Inputs and outputs that are strings, with the lists in which the graph has their places. */
  readonly ports?: PortNames
}

export interface BatchedWriteOptions extends WriteOptions {
  /** What the batch's size is called in the model; `batch` unless given. */
  readonly dimension?: string
}

/**
 * The bytes of an ONNX model that computes the graph. Inputs and outputs keep their names; outputs of data-dependent size come without
 * padding, and without the outputs that count it. Throws a CompileError with everything that ONNX has no form for (A402), or A301 for weights beyond 2 GiB.
 */
export function writeModel(graph: Graph, options: WriteOptions = {}): Uint8Array {
  const { written, edgeNames } = toOnnx(graph, options)
  return bytesOf({ graph: written, dimensions: new Map() }, edgeNames, options)
}

/**
 * Batch sizes that are tried: hardly any other length is the same, and of no divisor are the quotients a line. More where the first will
 * not do.
 */
const batchSizes = [
  [11, 15, 22],
  [13, 18, 29],
] as const

/**
 * The same of a model for any batch size. `graphOf` gives the graph for one; lengths that differ with it are the dimension `dimension`
 * of the model, or follow from it. A402 names the nodes that a size is fixed in.
 */
export function writeBatchedModel(
  graphOf: (batch: number) => Graph,
  { dimension = 'batch', ...options }: BatchedWriteOptions = {},
): Uint8Array {
  const tried = (sizes: readonly number[]): Uint8Array => {
    const graphs = sizes.map((size) => toOnnx(graphOf(size), options))
    const one = batched(
      graphs.map((g) => g.written),
      sizes,
      dimension,
    )
    return bytesOf(one, graphs[0]!.edgeNames, options)
  }
  const [first, second] = batchSizes
  try {
    return tried(first)
  } catch (error) {
    if (!(error instanceof CompileError)) throw error
    return tried(second)
  }
}

function bytesOf(
  { graph, dimensions }: Batched,
  edges: ReadonlyMap<Edge, string>,
  { metadata = {}, names: given = new Map() }: WriteOptions,
): Uint8Array {
  const tensors = new Map([...given].flatMap(([of, name]) => ('data' in of ? [[of.data, name] as const] : [])))
  return encode(graph, nameAll(graph, { tensors, edges }), { producerVersion: version, metadata, dimensions })
}

const arranged = (graph: Graph): Graph => {
  const own = convolutionsChannelsFirst(graph)
  return nodesOf(own).some((node) => regionsOf(node).length > 0) ? optimizeRegions(own, arranged) : own
}

function toOnnx(graph: Graph, { names, ports }: WriteOptions): { written: OnnxGraph; edgeNames: Map<Edge, string> } {
  if (ports?.strings)
    fail('A402', 'scripts compute with the strings of this model, and an ONNX model that is written would lack that')
  const own = arranged(graph)
  const writer = new GraphWriter(names ?? new Map())
  const e = new Emitter()
  const inputs = own.inputs.map(({ name, value }): Edge => {
    const type = ports?.inputs[name]?.labels ? ({ ...value.type, strings: true } as const) : value.type
    return { type, from: { kind: 'input', name } }
  })
  const numbers = inputs.map((edge, i) => {
    const labels = ports?.inputs[own.inputs[i]!.name]?.labels
    return labels ? placesOf(e, edge, labels) : edge
  })
  const results = writer.emit(e, own, numbers)
  const counts = countsOf(own)
  const byName = new Map(own.outputs.map(({ name }, i) => [name, results[i]!]))
  const taken = new Set(inputs)
  const outputs = own.outputs.flatMap(({ name, extents }, i): OnnxOutput[] => {
    if (counts.has(name)) return []
    const labels = ports?.outputs[name]?.labels
    const edge = labels ? stringsAt(e, results[i]!, labels) : results[i]!
    if (extents) {
      const shortened = extents.reduce((whole, { axis, count }) => {
        const index = e.range(whole.type.shape[axis]!, 'i64')
        const isWanted = e.elementwise('Less', [index, e.cast(byName.get(count)!, 'i64')], 'bool')
        return e.node('Compress', [whole, isWanted], whole.type, { axis })
      }, edge)
      return [{ name, edge: shortened, open: extents.map(({ axis }) => axis) }]
    }
    const isNamed = edge.from.kind === 'input' && edge.from.name === name
    const isOwn = isNamed || (edge.from.kind === 'node' && !taken.has(edge))
    const output = isOwn ? edge : e.node('Identity', [edge], edge.type)
    taken.add(output)
    return [{ name, edge: output }]
  })
  writer.finish()
  return { written: recognize({ inputs, outputs, nodes: e.nodes }), edgeNames: writer.edgeNames }
}

class GraphWriter {
  readonly edgeNames = new Map<Edge, string>()
  private readonly found: Diagnostic[] = []
  private readonly names: ReadonlyMap<Value | Tensor, string>

  constructor(names: ReadonlyMap<Value | Tensor, string>) {
    this.names = names
  }

  /** Writes the nodes of a graph and gives its outputs. */
  readonly emit: EmitRegion = (e, graph, inputs) => {
    const edges = new Map<Value, Edge>(graph.inputs.map(({ value }, i) => [value, inputs[i]!]))
    const around = e.origin
    for (const node of nodesOf(graph)) {
      if (node.op === 'input') continue
      const results = this.write(e, node, edges)
      node.results.forEach((value, i) => {
        const edge = results[i]!
        edges.set(value, edge)
        const name = this.names.get(value)
        if (name !== undefined && !this.edgeNames.has(edge)) this.edgeNames.set(edge, name)
      })
    }
    e.origin = around
    return graph.outputs.map(({ value }) => edges.get(value)!)
  }

  /** What cannot be written is told at the end, with all else that cannot. */
  private write(e: Emitter, node: Node, edges: ReadonlyMap<Value, Edge>): readonly Edge[] {
    e.origin = node.origin
    const types = node.results.map((r) => r.type)
    // Runtimes don't take operands without elements everywhere.
    if (types.every(({ shape }) => shape.includes(0)))
      return types.map(({ dtype, shape }) => e.stored(zeros(dtype, shape)))
    const operands = node.operands.map((o) => edges.get(o)!)
    try {
      return emitNode(e, node, operands, this.emit)
    } catch (error) {
      if (!(error instanceof CompileError)) throw error
      this.found.push(...error.diagnostics)
      return node.results.map(({ type }): Edge => ({ type, from: { kind: 'input' } }))
    }
  }

  finish(): void {
    if (this.found.length > 0) throw new CompileError(this.found)
  }
}
