import { fail } from '../core/diagnostics/diagnostic.ts'
import type { DType } from '../core/scalar/dtype.ts'
import type { Tensor } from '../core/tensor.ts'
import { foreignFormat } from './foreign-format.ts'
import { Message, reading, type Integers } from './protobuf.ts'
import {
  dataTypeName,
  dtypeOf,
  holdsStrings,
  nameOf,
  readSparse,
  readStored,
  readStrings,
  type ReadExternal,
  type StringTensor,
} from './stored-tensor.ts'

/** Opset versions by domain; ai.onnx is ''. */
export type Opsets = ReadonlyMap<string, number>

export interface ModelProto {
  readonly opsets: Opsets
  readonly graph: GraphProto
  readonly functions: readonly FunctionProto[]
  readonly metadata: Readonly<Record<string, string>>
}

/** A tensor that is decoded when it is first asked for. */
export type LazyTensor = () => Tensor

export interface GraphProto {
  readonly name: string
  readonly nodes: readonly NodeProto[]
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  readonly initializers: ReadonlyMap<string, LazyTensor>
  /** Initializers that are strings. */
  readonly strings: ReadonlyMap<string, StringTensor>
}

/** A function that the model brings along; nodes call it by domain and name. */
export interface FunctionProto {
  readonly name: string
  readonly domain: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  /** Attributes that calling nodes may leave out, with their values. */
  readonly defaults: ReadonlyMap<string, Attribute>
  readonly nodes: readonly NodeProto[]
  readonly opsets: Opsets
}

export interface ValueInfo {
  readonly name: string
  /** undefined where it is not a tensor of a dtype that attar has; `typeName` says what it is. */
  readonly dtype: DType | undefined
  readonly typeName: string
  /** A string is a symbolic dimension, undefined an unknown one. No shape at all: unknown rank. */
  readonly shape: readonly (number | string | undefined)[] | undefined
  /** Of a map whose values are single elements of a dtype that attar has: that dtype. */
  readonly values?: DType
  /** Of a sequence or an optional: what its elements are, or its value is. */
  readonly element?: ValueInfo
}

export interface NodeProto {
  readonly name: string
  readonly operator: string
  /** '' is ai.onnx. */
  readonly domain: string
  /** '' is an omitted optional input. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: ReadonlyMap<string, Attribute>
}

export type Attribute =
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'tensor'; readonly value: LazyTensor }
  | { readonly kind: 'string tensor'; readonly value: StringTensor }
  | { readonly kind: 'graph'; readonly value: GraphProto }
  | { readonly kind: 'floats'; readonly value: Float32Array }
  | { readonly kind: 'ints'; readonly value: Integers }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  /** In a function: the attribute of the calling node that is named so. */
  | { readonly kind: 'reference'; readonly value: string }
  | { readonly kind: 'other'; readonly value: string }

const normalDomain = (domain: string): string => (domain === 'ai.onnx' ? '' : domain)

const maxDepth = 64

/** AttributeProto.AttributeType, from 1 on. */
const attributeTypes = [
  'FLOAT',
  'INT',
  'STRING',
  'TENSOR',
  'GRAPH',
  'FLOATS',
  'INTS',
  'STRINGS',
  'TENSORS',
  'GRAPHS',
  'SPARSE_TENSOR',
  'SPARSE_TENSORS',
  'TYPE_PROTO',
  'TYPE_PROTOS',
] as const

/** The fields of an AttributeProto by which one that does not say its type, as in IR version 1, is told. */
const typedFields: readonly (readonly [field: number, type: (typeof attributeTypes)[number]])[] = [
  [5, 'TENSOR'],
  [6, 'GRAPH'],
  [8, 'INTS'],
  [7, 'FLOATS'],
  [9, 'STRINGS'],
  [4, 'STRING'],
  [2, 'FLOAT'],
]

/** The kinds of TypeProto by field. */
const valueKinds: Readonly<Record<number, string>> = {
  1: 'tensor',
  4: 'sequence',
  5: 'map',
  8: 'sparseTensor',
  9: 'optional',
}

/** Numbers of fields are those of onnx.proto, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. */
class Converter {
  private readonly files = new Map<string, Uint8Array>()
  private readonly readExternal: ReadExternal | undefined
  private readonly once: Once
  private depth = 0

  constructor(readExternal: ReadExternal | undefined, once: Once) {
    this.once = once
    this.readExternal =
      readExternal &&
      ((name) => {
        const file = this.files.get(name) ?? readExternal(name)
        this.files.set(name, file)
        return file
      })
  }

  model(model: Message): ModelProto {
    const graph =
      model.message(7) ??
      fail('A101', 'not an ONNX model: it has no graph', {
        hint: 'a .pb of TensorFlow becomes one by tf2onnx: python -m tf2onnx.convert --saved-model folder --output model.onnx',
      })
    return {
      opsets: this.opsets(model.messages(8)),
      graph: this.graph(graph),
      functions: Array.from(model.messages(25), (f) => this.function(f)),
      metadata: Object.fromEntries(Array.from(model.messages(14), (entry) => [entry.string(1), entry.string(2)])),
    }
  }

  private function(f: Message): FunctionProto {
    return {
      name: f.string(1),
      domain: normalDomain(f.string(10)),
      inputs: f.strings(4),
      outputs: f.strings(5),
      defaults: new Map(Array.from(f.messages(11), (a) => [a.string(1), this.attribute(a)])),
      nodes: Array.from(f.messages(7), (node, i) => this.node(node, i)),
      opsets: this.opsets(f.messages(9)),
    }
  }

  private opsets(list: Iterable<Message>): Opsets {
    return new Map(Array.from(list, (opset) => [normalDomain(opset.string(1)), Number(opset.int64(2))]))
  }

  private graph(graph: Message): GraphProto {
    if (++this.depth > maxDepth) fail('A301', `graphs are nested more than ${maxDepth} deep`)
    const initializers = new Map<string, LazyTensor>()
    const strings = new Map<string, StringTensor>()
    for (const raw of graph.messages(5)) {
      const name = nameOf(raw)
      const what = `tensor "${name}"`
      if (holdsStrings(raw)) strings.set(name, readStrings(raw, what))
      else initializers.set(name, this.tensor(raw, what))
    }
    for (const raw of graph.messages(15)) {
      const values = raw.message(1)
      const name = values ? nameOf(values) : ''
      initializers.set(name, this.sparse(raw, `sparse tensor "${name}"`))
    }
    const nodes = Array.from(graph.messages(1), (node, i) => this.node(node, i))
    this.depth--
    return {
      name: graph.string(2),
      nodes,
      inputs: Array.from(graph.messages(11), valueInfo),
      outputs: Array.from(graph.messages(12), valueInfo),
      initializers,
      strings,
    }
  }

  private tensor(raw: Message, what: string): LazyTensor {
    return this.once(() => readStored(raw, what, this.readExternal))
  }

  private sparse(raw: Message, what: string): LazyTensor {
    return this.once(() => readSparse(raw, what, this.readExternal))
  }

  private node(node: Message, index: number): NodeProto {
    return {
      name: node.string(3) || `#${index}`,
      operator: node.string(4),
      domain: normalDomain(node.string(7)),
      inputs: node.strings(1),
      outputs: node.strings(2),
      attributes: new Map(Array.from(node.messages(5), (a) => [a.string(1), this.attribute(a)])),
    }
  }

  private attribute(a: Message): Attribute {
    const reference = a.string(21)
    if (reference) return { kind: 'reference', value: reference }
    const what = `attribute "${a.string(1)}"`
    const number = a.int32(20)
    const type = number ? attributeTypes[number - 1] : (typedFields.find(([field]) => a.has(field))?.[1] ?? 'INT')
    switch (type) {
      case 'FLOAT':
        return { kind: 'float', value: a.float(2) }
      case 'INT':
        return { kind: 'int', value: a.int64(3) }
      case 'STRING':
        return { kind: 'string', value: a.string(4) }
      case 'TENSOR': {
        const raw = a.message(5) ?? fail('A102', `${what} has no tensor`)
        if (holdsStrings(raw)) return { kind: 'string tensor', value: readStrings(raw, what) }
        return { kind: 'tensor', value: this.tensor(raw, what) }
      }
      case 'SPARSE_TENSOR':
        return { kind: 'tensor', value: this.sparse(a.message(22) ?? fail('A102', `${what} has no tensor`), what) }
      case 'GRAPH':
        return { kind: 'graph', value: this.graph(a.message(6) ?? fail('A102', `${what} has no graph`)) }
      case 'FLOATS':
        return { kind: 'floats', value: a.floats(7) }
      case 'INTS':
        return { kind: 'ints', value: a.integers(8) }
      case 'STRINGS':
        return { kind: 'strings', value: a.strings(9) }
      default:
        return { kind: 'other', value: type ?? `type ${number}` }
    }
  }
}

const valueInfo = (info: Message): ValueInfo => typeInfo(info.string(1), info.message(2))

function typeInfo(name: string, type: Message | undefined, depth = 0): ValueInfo {
  if (depth > maxDepth) fail('A301', `types are nested more than ${maxDepth} deep`)
  const tensor = type?.message(1)
  const kind = Object.keys(valueKinds).find((field) => type?.has(Number(field)))
  const dims = tensor?.message(2)?.messages(1)
  const shape =
    dims &&
    Array.from(dims, (d) => {
      const symbol = d.string(2)
      if (symbol) return symbol
      // Exporters write -1 for a dimension they don't know.
      const known = d.has(1) ? Number(d.int64(1)) : -1
      return known < 0 ? undefined : known
    })
  const dataType = tensor?.int32(1) ?? 0
  const valuesOfMap = type?.message(5)?.message(2)?.message(1)
  const values = valuesOfMap && dtypeOf(valuesOfMap.int32(1))
  const inner = type?.message(4)?.message(1) ?? type?.message(9)?.message(1)
  return {
    ...(values && { values }),
    ...(inner && { element: typeInfo(name, inner, depth + 1) }),
    name,
    dtype: tensor ? dtypeOf(dataType) : undefined,
    typeName: tensor ? dataTypeName(dataType) : kind ? valueKinds[Number(kind)]! : 'unknown',
    shape,
  }
}

/** A tensor that is read when it is first asked for, and only then. */
type Once = (read: LazyTensor) => LazyTensor

/** What `decode` makes of a file; A101 where it is damaged, also where that shows later. */
function parse<T>(what: string, bytes: Uint8Array, decode: (message: Message, once: Once) => T): T {
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const other = foreignFormat(bytes)
  if (other) fail('A101', `not ${what}, but ${other.name}`, { hint: other.hint })
  if (bytes.length === 0) fail('A101', `not ${what}: the file is empty`)
  const hint = `it has ${bytes.length} bytes; is it complete?`
  const once: Once = (read) => {
    let value: Tensor | undefined
    return () => (value ??= reading(what, hint, read))
  }
  return reading(what, hint, () => decode(new Message(plain), once))
}

/**
 * An ONNX model in plain types. Tensors, also those in files beside the model, are decoded when first used.
 * A101 where the bytes are no model, A102 where it contradicts itself, A301 where it is beyond all bounds.
 */
export function decodeModel(bytes: Uint8Array, readExternal?: ReadExternal): ModelProto {
  return parse('an ONNX model', bytes, (message, once) => new Converter(readExternal, once).model(message))
}

/** The strings in a TensorProto file; undefined where it holds numbers. */
export function decodeStrings(bytes: Uint8Array): StringTensor | undefined {
  return parse('an ONNX tensor', bytes, (raw) =>
    holdsStrings(raw) ? readStrings(raw, `tensor "${nameOf(raw)}"`) : undefined,
  )
}

/** The tensor in a TensorProto file, such as ONNX test data has. A202 where it holds a sequence, map or optional. */
export function decodeTensor(bytes: Uint8Array): { name: string; tensor: Tensor } {
  return parse('an ONNX tensor', bytes, (raw) => {
    const name = nameOf(raw)
    return { name, tensor: readStored(raw, `tensor "${name}"`, undefined) }
  })
}

/** A tensor, the tensors of a sequence, or undefined for an optional without a value. */
export type StoredValue = Tensor | StringTensor | readonly StoredValue[] | undefined

/**
 * The value in a file of ONNX test data for an input or output of this type: a TensorProto, SequenceProto or OptionalProto (onnx-data.proto).
 * A202 for a type that attar does not have.
 */
export const decodeValue = (bytes: Uint8Array, info: ValueInfo): StoredValue =>
  parse('an ONNX value', bytes, (raw) => storedValue(raw, info))

function storedValue(raw: Message, { name, typeName, element }: ValueInfo): StoredValue {
  const what = `"${name}"`
  const lacks = (kind: string): never => fail('A202', `${what} is a ${kind}, which attar does not have`)
  if (typeName === 'optional' && element) {
    const kind = raw.int32(2)
    if (kind === 0) return undefined
    const value = raw.message({ 1: 3, 3: 5 }[kind] ?? lacks('sparse tensor, a map or an optional in an optional'))
    return value ? storedValue(value, element) : fail('A102', `${what} has no value`)
  }
  if (typeName === 'sequence' && element) {
    if (![0, 1].includes(raw.int32(2))) lacks('sequence of other things than tensors')
    return Array.from(raw.messages(3), (tensor) => storedValue(tensor, element))
  }
  return holdsStrings(raw) ? readStrings(raw, what) : readStored(raw, what, undefined)
}
