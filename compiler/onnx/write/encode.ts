/** The bytes of a model: protobuf by onnx-proto, whose enumerations are of ONNX 1.10 but whose fields are all that is needed. */
import onnxProto, { type onnx as proto } from 'onnx-proto'
import { fail } from '../../core/diagnostics/diagnostic.ts'
import { bitSize } from '../../core/scalar/dtype.ts'
import { bytesOf, type Tensor } from '../../core/tensor.ts'
import { numberOf, opsetOf } from './data-types.ts'
import { nodesIn, type Attribute, type Edge, type OnnxGraph, type OnnxNode } from './graph.ts'
import type { Dimensions } from './batch.ts'
import type { Names } from './names.ts'

const { onnx } = onnxProto
const kinds = onnx.AttributeProto.AttributeType
const utf8 = new TextEncoder()

/** TensorProto.DataType of strings. */
const stringType = 8

/** What protobuf takes in one message. */
const mostBytes = 2 ** 31 - 1

/** IR version that came with each opset of ai.onnx from 18 on (ONNX, docs/Versioning.md). */
const irVersions = [8, 9, 9, 10, 10, 11, 12, 13, 13]
const firstOpset = 18

/** The opset of ai.onnx in which operators came that are younger than `firstOpset`. */
const younger: Readonly<Record<string, number>> = { BitCast: 26 }
/** Of ai.onnx.ml: TreeEnsembleRegressor and LabelEncoder in the form of ONNX 1.10. */
const mlOpset = 3

export interface ModelFacts {
  /** Of edges with dimensions that are no numbers. */
  readonly dimensions: Dimensions
  readonly producerVersion: string
  readonly metadata: Readonly<Record<string, string>>
}

export function encode(graph: OnnxGraph, { nodes, edges }: Names, facts: ModelFacts): Uint8Array {
  const stored = storedEdges(graph)
  const opset = opsetFor(graph, stored)
  const nameOf = (edge: Edge): string => edges.get(edge)!
  const size = stored.reduce((sum, { tensor }) => sum + tensor.data.byteLength, 0)
  if (size > mostBytes) fail('A301', `the model has ${size} bytes of weights; an ONNX file holds less than 2^31`)
  const graphProto = (g: OnnxGraph, name: string): proto.IGraphProto => ({
    name,
    input: g.inputs.map((edge) => valueInfo(nameOf(edge), edge, facts.dimensions, [])),
    output: g.outputs.map(({ edge, open = [] }) => valueInfo(nameOf(edge), edge, facts.dimensions, open)),
    node: g.nodes.map(nodeProto),
  })
  const attribute = (name: string, value: Attribute, owner: string): proto.IAttributeProto => {
    if (typeof value === 'number') return { name, type: kinds.INT, i: value }
    if (typeof value === 'string') return { name, type: kinds.STRING, s: utf8.encode(value) }
    if ('float' in value) return { name, type: kinds.FLOAT, f: value.float }
    if ('floats' in value) return { name, type: kinds.FLOATS, floats: [...value.floats] }
    if ('strings' in value) return { name, type: kinds.STRINGS, strings: value.strings.map((s) => utf8.encode(s)) }
    if ('tensor' in value) return { name, type: kinds.TENSOR, t: tensorProto('', value.tensor) }
    if ('graph' in value) return { name, type: kinds.GRAPH, g: graphProto(value.graph, `${owner}.${name}`) }
    return { name, type: kinds.INTS, ints: [...value] }
  }
  const nodeProto = (node: OnnxNode): proto.INodeProto => {
    const name = nodes.get(node)!
    return {
      name,
      opType: node.operator,
      ...(node.domain !== '' && { domain: node.domain }),
      input: node.inputs.map((edge) => (edge ? nameOf(edge) : '')),
      output: node.outputs.map(nameOf),
      attribute: Object.entries(node.attributes).map(([key, value]) => attribute(key, value, name)),
    }
  }
  const hasMl = [...nodesIn(graph)].some((node) => node.domain === 'ai.onnx.ml')
  const message: proto.IModelProto = {
    irVersion: irVersions[opset - firstOpset]!,
    opsetImport: [{ domain: '', version: opset }, ...(hasMl ? [{ domain: 'ai.onnx.ml', version: mlOpset }] : [])],
    producerName: 'attar',
    producerVersion: facts.producerVersion,
    graph: {
      ...graphProto(graph, 'graph'),
      initializer: stored.map(({ edge, tensor }) => tensorProto(nameOf(edge), tensor)),
    },
    metadataProps: Object.entries(facts.metadata).map(([key, value]) => ({ key, value })),
  }
  return onnx.ModelProto.encode(message).finish()
}

/** Initializers in the order in which they are first read. */
function storedEdges(graph: OnnxGraph): { edge: Edge; tensor: Tensor }[] {
  const found = new Map<Edge, Tensor>()
  for (const node of nodesIn(graph))
    for (const edge of node.inputs) if (edge?.from.kind === 'stored') found.set(edge, edge.from.tensor)
  return [...found].map(([edge, tensor]) => ({ edge, tensor }))
}

function opsetFor(graph: OnnxGraph, stored: readonly { tensor: Tensor }[]): number {
  let opset = firstOpset
  const need = (version: number): void => void (opset = Math.max(opset, version))
  graph.inputs.forEach(({ type }) => need(opsetOf(type.dtype)))
  stored.forEach(({ tensor }) => need(opsetOf(tensor.dtype)))
  for (const node of nodesIn(graph)) {
    if (node.domain === '') need(younger[node.operator] ?? firstOpset)
    node.outputs.forEach(({ type }) => need(opsetOf(type.dtype)))
  }
  return opset
}

function valueInfo(name: string, edge: Edge, dimensions: Dimensions, open: readonly number[]): proto.IValueInfoProto {
  const { dtype, shape, strings } = edge.type
  const dim = (dimensions.get(edge) ?? shape).map((d, i) => {
    if (open.includes(i) || d === '') return {}
    return typeof d === 'string' ? { dimParam: d } : { dimValue: d }
  })
  return { name, type: { tensorType: { elemType: strings ? stringType : numberOf(dtype), shape: { dim } } } }
}

const tensorProto = (name: string, tensor: Tensor): proto.ITensorProto => ({
  name,
  dims: [...tensor.shape],
  dataType: numberOf(tensor.dtype),
  rawData: packed(tensor),
})

/** Elements of less than a byte share one, the first in the lowest bits. */
function packed(tensor: Tensor): Uint8Array {
  const bits = bitSize(tensor.dtype)
  const bytes = bytesOf(tensor)
  if (bits >= 8) return bytes
  const each = 8 / bits
  const result = new Uint8Array(Math.ceil(bytes.length / each))
  for (let i = 0; i < bytes.length; i++)
    result[Math.floor(i / each)]! |= (bytes[i]! & ((1 << bits) - 1)) << (bits * (i % each))
  return result
}
