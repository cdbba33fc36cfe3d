import onnxProto from 'onnx-proto'
import protobuf from 'protobufjs/minimal.js'
import { CompileError, fail } from '../core/diagnostic.ts'
import type { DType } from '../core/dtype.ts'
import type { Tensor } from '../core/tensor.ts'
import { foreignFormat } from './foreign-format.ts'
import {
  dataTypeName,
  dtypeOf,
  holdsStrings,
  readSparse,
  readStored,
  readStrings,
  toBigInt,
  type RawTensor,
  type ReadExternal,
  type StringTensor,
} from './stored-tensor.ts'

const { onnx } = onnxProto

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
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'ints'; readonly value: readonly bigint[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  /** In a function: the attribute of the calling node that is named so. */
  | { readonly kind: 'reference'; readonly value: string }
  | { readonly kind: 'other'; readonly value: string }

/**
 * Bounds what decoding may allocate: a message of two bytes becomes an object of hundreds, an integer of one byte an object
 * of forty. The budget admits half a million messages or thirty million numbers outside of raw data, and in large models more.
 */
class BoundedReader extends protobuf.Reader {
  private budget = Math.min(2 ** 25 + 8 * this.len, 2 ** 28)

  private spend(units: number): void {
    this.budget -= units
    if (this.budget < 0) {
      fail('A301', 'the model has too many parts', {
        hint: 'large tensors belong into raw_data, not into typed fields',
      })
    }
  }

  /** Tags, and lengths of messages. */
  override uint32(): number {
    this.spend(32)
    return super.uint32()
  }

  /** Like `int32`, reads by way of `uint32`, but costs less than a message. */
  override bytes(): Uint8Array {
    this.spend(-32)
    return super.bytes()
  }

  override int32(): number {
    this.spend(1 - 32)
    return super.int32()
  }

  override int64(): ReturnType<protobuf.Reader['int64']> {
    this.spend(8)
    return super.int64()
  }

  override uint64(): ReturnType<protobuf.Reader['uint64']> {
    this.spend(8)
    return super.uint64()
  }

  override float(): number {
    this.spend(1)
    return super.float()
  }

  override double(): number {
    this.spend(1)
    return super.double()
  }
}

/** The length-delimited fields of that number in a message, for those that the schema of onnx-proto does not know. */
function fieldsOf(message: Uint8Array, field: number): Uint8Array[] {
  const reader = new BoundedReader(message)
  const found: Uint8Array[] = []
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    if (tag === ((field << 3) | 2)) found.push(reader.bytes())
    else reader.skipType(tag & 7)
  }
  return found
}

/** Of each function in a model, the attributes with default values: ModelProto.functions, FunctionProto.attribute_proto. */
const functionDefaults = (model: Uint8Array): onnxProto.onnx.AttributeProto[][] =>
  fieldsOf(model, 25).map((f) => fieldsOf(f, 11).map((a) => onnx.AttributeProto.decode(new BoundedReader(a))))

function parse<T>(what: string, bytes: Uint8Array, decode: (plain: Uint8Array) => T): T {
  const other = foreignFormat(bytes)
  if (other) fail('A101', `not ${what}, but ${other.name}`, { hint: other.hint })
  if (bytes.length === 0) fail('A101', `not ${what}: the file is empty`)
  try {
    return decode(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  } catch (error) {
    if (error instanceof CompileError) throw error
    fail('A101', `not ${what}, or a damaged one`, { hint: `it has ${bytes.length} bytes; is it complete?` })
  }
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

const normalDomain = (domain: string | null | undefined): string => (domain === 'ai.onnx' ? '' : (domain ?? ''))

const maxDepth = 64

class Converter {
  private readonly files = new Map<string, Uint8Array>()
  private readonly readExternal: ReadExternal | undefined
  private depth = 0

  constructor(readExternal: ReadExternal | undefined) {
    this.readExternal =
      readExternal &&
      ((name) => {
        const file = this.files.get(name) ?? readExternal(name)
        this.files.set(name, file)
        return file
      })
  }

  model(bytes: Uint8Array): ModelProto {
    const model = onnx.ModelProto.decode(new BoundedReader(bytes))
    if (!model.graph)
      fail('A101', 'not an ONNX model: it has no graph', {
        hint: 'a .pb of TensorFlow becomes one by tf2onnx: python -m tf2onnx.convert --saved-model folder --output model.onnx',
      })
    const defaults = functionDefaults(bytes)
    return {
      opsets: this.opsets(model.opsetImport),
      graph: this.graph(model.graph),
      functions: model.functions.map((f, index) => ({
        name: f.name ?? '',
        domain: normalDomain(f.domain),
        inputs: f.input ?? [],
        outputs: f.output ?? [],
        defaults: new Map((defaults[index] ?? []).map((a) => [a.name, this.attribute(a)])),
        nodes: (f.node ?? []).map((node, i) => this.node(node, i)),
        opsets: this.opsets(f.opsetImport ?? []),
      })),
      metadata: Object.fromEntries(model.metadataProps.map(({ key, value }) => [key ?? '', value ?? ''])),
    }
  }

  private opsets(list: readonly onnxProto.onnx.IOperatorSetIdProto[]): Opsets {
    return new Map(list.map(({ domain, version }) => [normalDomain(domain), Number(toBigInt(version ?? 0))]))
  }

  private graph(graph: onnxProto.onnx.IGraphProto): GraphProto {
    if (++this.depth > maxDepth) fail('A301', `graphs are nested more than ${maxDepth} deep`)
    const initializers = new Map<string, LazyTensor>()
    const strings = new Map<string, StringTensor>()
    for (const raw of graph.initializer ?? []) {
      const what = `tensor "${raw.name}"`
      if (holdsStrings(raw)) strings.set(raw.name ?? '', readStrings(raw, what))
      else initializers.set(raw.name ?? '', this.tensor(raw, what))
    }
    for (const raw of graph.sparseInitializer ?? []) {
      const name = raw.values?.name ?? ''
      initializers.set(
        name,
        once(() => readSparse(raw, `sparse tensor "${name}"`, this.readExternal)),
      )
    }
    const nodes = (graph.node ?? []).map((node, i) => this.node(node, i))
    this.depth--
    return {
      name: graph.name ?? '',
      nodes,
      inputs: (graph.input ?? []).map(valueInfo),
      outputs: (graph.output ?? []).map(valueInfo),
      initializers,
      strings,
    }
  }

  private tensor(raw: RawTensor, what: string): LazyTensor {
    return once(() => readStored(raw, what, this.readExternal))
  }

  private node(node: onnxProto.onnx.INodeProto, index: number): NodeProto {
    return {
      name: node.name || `#${index}`,
      operator: node.opType ?? '',
      domain: normalDomain(node.domain),
      inputs: node.input ?? [],
      outputs: node.output ?? [],
      attributes: new Map((node.attribute ?? []).map((a) => [a.name ?? '', this.attribute(a)])),
    }
  }

  private attribute(a: onnxProto.onnx.IAttributeProto): Attribute {
    if (a.refAttrName) return { kind: 'reference', value: a.refAttrName }
    const types = onnx.AttributeProto.AttributeType
    const what = `attribute "${a.name}"`
    switch (a.type || inferredType(a)) {
      case types.FLOAT:
        return { kind: 'float', value: a.f ?? 0 }
      case types.INT:
        return { kind: 'int', value: toBigInt(a.i ?? 0) }
      case types.STRING:
        return { kind: 'string', value: text(a.s ?? new Uint8Array()) }
      case types.TENSOR:
        if (a.t && holdsStrings(a.t)) return { kind: 'string tensor', value: readStrings(a.t, what) }
        return { kind: 'tensor', value: this.tensor(a.t ?? {}, what) }
      case types.SPARSE_TENSOR:
        return { kind: 'tensor', value: once(() => readSparse(a.sparseTensor ?? {}, what, this.readExternal)) }
      case types.GRAPH:
        return { kind: 'graph', value: this.graph(a.g ?? {}) }
      case types.FLOATS:
        return { kind: 'floats', value: a.floats ?? [] }
      case types.INTS:
        return { kind: 'ints', value: (a.ints ?? []).map(toBigInt) }
      case types.STRINGS:
        return { kind: 'strings', value: (a.strings ?? []).map(text) }
      default:
        return { kind: 'other', value: types[a.type ?? 0] ?? `type ${a.type}` }
    }
  }
}

/** Models of IR version 1 do not say an attribute's type. */
function inferredType(a: onnxProto.onnx.IAttributeProto): number {
  const types = onnx.AttributeProto.AttributeType
  if (a.t) return types.TENSOR
  if (a.g) return types.GRAPH
  if (a.ints?.length) return types.INTS
  if (a.floats?.length) return types.FLOATS
  if (a.strings?.length) return types.STRINGS
  if (a.s?.length) return types.STRING
  return a.f ? types.FLOAT : types.INT
}

function once(read: LazyTensor): LazyTensor {
  let value: Tensor | undefined
  return () => (value ??= read())
}

function valueInfo(info: onnxProto.onnx.IValueInfoProto): ValueInfo {
  const tensor = info.type?.tensorType
  // Absent fields read as null through the prototype.
  const kind = Object.keys(info.type ?? {}).find((key) => key.endsWith('Type'))
  const typeName = tensor ? dataTypeName(tensor.elemType ?? 0) : (kind?.slice(0, -'Type'.length) ?? 'unknown')
  const shape = tensor?.shape?.dim?.map((d) => {
    if (d.dimParam) return d.dimParam
    // Exporters write -1 for a dimension they don't know. An absent dimValue reads as 0, so presence must be asked for.
    const known = Object.hasOwn(d, 'dimValue') ? Number(toBigInt(d.dimValue ?? 0)) : -1
    return known < 0 ? undefined : known
  })
  return { name: info.name ?? '', dtype: tensor ? dtypeOf(tensor.elemType ?? 0) : undefined, typeName, shape }
}

/**
 * An ONNX model in plain types. Tensors, also those in files beside the model, are decoded when first used.
 * A101 where the bytes are no model, A102 where it contradicts itself, A301 where it is beyond all bounds.
 */
export function decodeModel(bytes: Uint8Array, readExternal?: ReadExternal): ModelProto {
  return parse('an ONNX model', bytes, (plain) => new Converter(readExternal).model(plain))
}

/** The strings in a TensorProto file; undefined where it holds numbers. */
export function decodeStrings(bytes: Uint8Array): StringTensor | undefined {
  return parse('an ONNX tensor', bytes, (plain) => {
    const raw = onnx.TensorProto.decode(new BoundedReader(plain))
    return holdsStrings(raw) ? readStrings(raw, `tensor "${raw.name}"`) : undefined
  })
}

/** The tensor in a TensorProto file, such as ONNX test data has. A202 where it holds a sequence, map or optional. */
export function decodeTensor(bytes: Uint8Array): { name: string; tensor: Tensor } {
  return parse('an ONNX tensor', bytes, (plain) => {
    const raw = onnx.TensorProto.decode(new BoundedReader(plain))
    return { name: raw.name, tensor: readStored(raw, `tensor "${raw.name}"`, undefined) }
  })
}
