import onnxProto, { type onnx as types } from 'onnx-proto'
import { bitSize, type DType } from '../../compiler/core/scalar/dtype.ts'
import { bytesOf, type Tensor } from '../../compiler/core/tensor.ts'

const { onnx } = onnxProto

/** TensorProto.DataType of each dtype. */
export const dataTypes: Readonly<Record<DType, number>> = {
  f32: 1,
  u8: 2,
  i8: 3,
  u16: 4,
  i16: 5,
  i32: 6,
  i64: 7,
  bool: 9,
  f16: 10,
  f64: 11,
  u32: 12,
  u64: 13,
  bf16: 16,
  f8e4m3fn: 17,
  f8e4m3fnuz: 18,
  f8e5m2: 19,
  f8e5m2fnuz: 20,
  u4: 21,
  i4: 22,
  f4e2m1: 23,
  f8e8m0: 24,
  u2: 25,
  i2: 26,
}

/** A number is an int attribute; floats are marked. */
export type AttributeValue =
  | number
  | readonly number[]
  | string
  | { float: number }
  | { floats: readonly number[] }
  | { strings: readonly string[] }
  | { tensor: types.ITensorProto }
  | { graph: types.IGraphProto }
  | { reference: string }

export interface NodeText {
  readonly name?: string
  readonly domain?: string
  readonly attributes?: Readonly<Record<string, AttributeValue>>
}

export function attribute(name: string, value: AttributeValue): types.IAttributeProto {
  const kinds = onnx.AttributeProto.AttributeType
  if (typeof value === 'number') return { name, type: kinds.INT, i: value }
  if (typeof value === 'string') return { name, type: kinds.STRING, s: new TextEncoder().encode(value) }
  if ('float' in value) return { name, type: kinds.FLOAT, f: value.float }
  if ('floats' in value) return { name, type: kinds.FLOATS, floats: [...value.floats] }
  if ('strings' in value) {
    return { name, type: kinds.STRINGS, strings: value.strings.map((text) => new TextEncoder().encode(text)) }
  }
  if ('tensor' in value) return { name, type: kinds.TENSOR, t: value.tensor }
  if ('graph' in value) return { name, type: kinds.GRAPH, g: value.graph }
  if ('reference' in value) return { name, refAttrName: value.reference, type: kinds.INT }
  return { name, type: kinds.INTS, ints: [...value] }
}

const names = (list: string): string[] => (list.trim() === '' ? [] : list.split(',').map((name) => name.trim()))

/** A node from `y, z = Split(x, sizes)`; a name may be empty. */
export function node(text: string, { name, domain, attributes = {} }: NodeText = {}): types.INodeProto {
  const [, outputs = '', opType = '', inputs = ''] = /^(.*)=\s*(\w+)\((.*)\)$/.exec(text)!
  return {
    ...(name !== undefined && { name }),
    ...(domain !== undefined && { domain }),
    opType,
    input: names(inputs),
    output: names(outputs),
    attribute: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
  }
}

/** A port from `x f32[2,batch,?]`, `x string[3]`, `x f32` of unknown rank, `x seq(f32[2])`, `x optional(…)`, or `x` without a type. */
export function port(text: string): types.IValueInfoProto {
  const [, name = '', type] = /^(\w+)(?: (.+))?$/.exec(text)!
  return type === undefined ? { name } : { name, type: typeOf(type) }
}

function typeOf(text: string): types.ITypeProto {
  const [, around, inner] = /^(seq|optional)\((.*)\)$/.exec(text) ?? []
  if (inner !== undefined) return { [around === 'seq' ? 'sequenceType' : 'optionalType']: { elemType: typeOf(inner) } }
  const [, dtype = '', dims] = /^(\w+)(?:\[(.*)\])?$/.exec(text)!
  const dim = (d: string): types.TensorShapeProto.IDimension =>
    d === '?' ? {} : /^-?\d+$/.test(d) ? { dimValue: Number(d) } : { dimParam: d }
  const shape = dims === undefined ? {} : { shape: { dim: names(dims).map(dim) } }
  const elemType = dtype === 'string' ? onnx.TensorProto.DataType.STRING : dataTypes[dtype as DType]
  return { tensorType: { elemType, ...shape } }
}

/** Elements of fewer than 8 bits share bytes, the first in the lowest bits. */
function rawData(tensor: Tensor): Uint8Array {
  const bytes = bytesOf(tensor)
  const bits = bitSize(tensor.dtype)
  if (bits >= 8) return bytes
  const perByte = 8 / bits
  const mask = 2 ** bits - 1
  const packed = new Uint8Array(Math.ceil(bytes.length / perByte))
  bytes.forEach((byte, i) => (packed[Math.floor(i / perByte)]! |= (byte & mask) << (bits * (i % perByte))))
  return packed
}

export const stored = (name: string, tensor: Tensor): types.ITensorProto => ({
  name,
  dims: [...tensor.shape],
  dataType: dataTypes[tensor.dtype],
  rawData: rawData(tensor),
})

export interface GraphText {
  readonly inputs?: readonly string[]
  readonly outputs: readonly string[]
  readonly nodes: readonly (string | types.INodeProto)[]
  readonly initializers?: readonly types.ITensorProto[]
}

export const graph = ({ inputs = [], outputs, nodes, initializers = [] }: GraphText): types.IGraphProto => ({
  name: 'g',
  input: inputs.map(port),
  output: outputs.map(port),
  node: nodes.map((n) => (typeof n === 'string' ? node(n) : n)),
  initializer: [...initializers],
})

/** The bytes of a model; opset 17 of ai.onnx unless `rest` says otherwise. */
export function model(text: GraphText, rest: types.IModelProto = {}): Uint8Array {
  const opsetImport = rest.opsetImport ?? [{ domain: '', version: 17 }]
  return onnx.ModelProto.encode({ irVersion: 8, graph: graph(text), ...rest, opsetImport }).finish()
}
