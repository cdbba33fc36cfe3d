import { Builder } from '../core/builder.ts'
import { fail, type Origin } from '../core/diagnostics/diagnostic.ts'
import { isFloat, isStorageOnly, type DType } from '../core/scalar/dtype.ts'
import { constantOf } from '../core/evaluate.ts'
import { topological, type Limit, type Value } from '../core/graph.ts'
import { elementCount } from '../core/shape.ts'
import { toNumbers, type Tensor } from '../core/tensor.ts'
import type { OpContext, Operator } from './context.ts'
import type { Attribute, GraphProto, NodeProto } from './decode.ts'
import { known, mostLength, numberOf, rangeOfDim, sameDim, type Dim, type Dims } from './dims.ts'
import {
  axesIn,
  isBounded,
  isFree,
  isSequence,
  isStrings,
  isTensor,
  kindOf,
  type Bounded,
  type FreeStrings,
  type Item,
  type Length,
  type Sequence,
} from './item.ts'
import type { StringProgram } from './boundary/string-program.ts'
import { requireDType, type StringTensor } from './stored-tensor.ts'
import type { Stored } from './training.ts'

type ValueOf<K extends Attribute['kind']> = Extract<Attribute, { kind: K }>['value']

/** What the importer does for a node. */
export interface Host extends Pick<OpContext, 'inline' | 'captured' | 'attempt'> {
  readonly stored: Stored
  readonly sized: Dims
  readonly script: StringProgram
  /** Has every run checked that `value`, an i32[], is within. */
  limit(value: Value, limit: Limit): void
  /** Where the node stands: what names in it begin with. */
  readonly path: string
  /** What results were in f32 before operators brought them back to the dtype of their operands. */
  readonly unrounded: Map<Value, Value>
}

/** Names of the graph inputs that `value` depends on. */
const inputsOf = (value: Value): string[] =>
  topological([value]).flatMap((node) => (node.op === 'input' ? [node.attrs.name] : []))

const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ')

const bindHint = (inputs: readonly string[]) => ({
  hint: `make ${inputs.length > 1 ? 'these inputs constants' : 'this input a constant'}: ${inputs.map((name) => `--bind ${name}=VALUE`).join(' ')}, where a value is a number or a file (.npy)`,
  inputs,
})

const boundHint = (inputs: readonly string[]) => ({
  hint: `${bindHint(inputs).hint}; or give what the length follows from a greatest value: --bound NAME=N, of an input or of a tensor in between`,
  inputs,
})

/** The `OpContext` of one ONNX node. Diagnostics come without origin: who calls `lower` locates them. */
export class NodeContext implements OpContext {
  readonly b: Builder
  readonly opset: number
  readonly outputCount: number
  readonly inputs: readonly (Value | undefined)[]
  readonly inline: OpContext['inline']
  readonly captured: OpContext['captured']
  readonly attempt: OpContext['attempt']
  readonly sized: Dims
  readonly script: StringProgram
  private readonly node: NodeProto
  private readonly host: Host
  /** Names that something reads. */
  private readonly read: ReadonlySet<string>
  private readonly items: readonly (Item | undefined)[]
  /** The storage-only dtype of the node's operands, if they were converted to f32. */
  private readonly storage: DType | undefined

  constructor(
    node: NodeProto,
    origin: Origin,
    items: readonly (Item | undefined)[],
    { floats, items: takesItems, keeps, sized, freeStrings }: Operator,
    host: Host,
    read: ReadonlySet<string>,
  ) {
    this.node = node
    this.read = read
    this.items = items
    const inputs = items.map((item, i) => {
      if (!item || isTensor(item)) return item
      if (isBounded(item) && !takesItems) {
        if (keeps || sized) return item.padded
        this.refuseLength(i)
      }
      return takesItems || (freeStrings && (isStrings(item) || isFree(item)))
        ? undefined
        : fail('A203', `input ${i} "${node.inputs[i]}" is ${kindOf(item)}, not a tensor`)
    })
    this.b = new Builder(origin)
    this.opset = origin.opset
    this.outputCount = node.outputs.findLastIndex((name) => name !== '') + 1
    this.host = host
    this.inline = host.inline
    this.captured = host.captured
    this.attempt = host.attempt
    this.sized = host.sized
    this.script = host.script
    const { unrounded } = host
    const isNarrow = (v: Value | undefined): boolean =>
      v !== undefined && (floats === 'moved' ? unrounded.has(v) : isStorageOnly(v.type.dtype))
    const narrow = floats === 'storage' ? undefined : inputs.find(isNarrow)
    this.storage = narrow?.type.dtype
    const wide = (v: Value): Value => unrounded.get(v) ?? this.b.convert(v, 'f32')
    this.inputs = narrow ? inputs.map((v) => v && (isStorageOnly(v.type.dtype) ? wide(v) : v)) : inputs
  }

  /** Brings f32 results back to the dtype that the operands were stored in. */
  store(results: readonly Item[], { f32Results = [] }: Operator): readonly Item[] {
    const { storage } = this
    if (!storage) return results
    const stored = (v: Value): Value => {
      if (v.type.dtype !== 'f32') return v
      const rounded = this.b.convert(v, storage)
      if (isFloat(storage)) this.host.unrounded.set(rounded, v)
      return rounded
    }
    return results.map((v, i) => {
      if (f32Results.includes(i)) return v
      return isTensor(v) ? stored(v) : isBounded(v) ? { ...v, padded: stored(v.padded) } : v
    })
  }

  wantsOutput(i: number): boolean {
    return this.read.has(this.node.outputs[i] ?? '')
  }

  input(i: number): Value {
    const item = this.items[i]
    if (item && isBounded(item) && !this.inputs[i]) this.refuseLength(i)
    return this.inputs[i] ?? fail('A102', item ? `input ${i} is ${kindOf(item)}` : `input ${i} is missing`)
  }

  unrounded(i: number): Value {
    const value = this.input(i)
    return this.host.unrounded.get(value) ?? value
  }

  item(i: number): Item | undefined {
    return this.items[i]
  }

  freeStrings(i: number): FreeStrings | undefined {
    const item = this.items[i]
    return item && this.script.free(item)
  }

  sequence(i: number): Sequence {
    const item = this.items[i]
    return item && isSequence(item) ? item : fail('A102', `input ${i} is ${item ? kindOf(item) : 'missing'}`)
  }

  constant(i: number): Tensor {
    const value = this.input(i)
    const known = constantOf(value)
    if (known) return known
    const sources = inputsOf(value)
    const what = `input ${i} "${this.node.inputs[i]}" must be known at compile time`
    if (sources.length === 0) fail('A301', `${what}, but takes too long to evaluate`)
    fail('A206', `${what}, but depends on ${quoted(sources)}`, bindHint(sources))
  }

  sizes(i: number, fallback?: readonly number[]): readonly Dim[] {
    if (fallback && !this.inputs[i]) return fallback.map(known)
    const value = this.input(i)
    // One that cannot be evaluated is told about.
    if (inputsOf(value).length === 0) return toNumbers(this.constant(i)).map(known)
    const item = this.items[i]!
    if (isBounded(item)) this.refuseLength(i)
    return Array.from({ length: elementCount(value.type.shape) }, (_, at) => this.sized.element(value, at))
  }

  dims(i: number): readonly Dim[] {
    const { shape } = this.input(i).type
    const item = this.items[i]!
    const lengths = isBounded(item) ? item.lengths : []
    return shape.map((d, axis) => {
      const length = lengths.find((each) => each.axis === axis)
      return length ? this.sized.count(length.count, d) : known(d)
    })
  }

  most(size: Dim, what: string): number {
    const fixed = numberOf(size)
    // Whether it can be one is for the op that takes it.
    if (fixed !== undefined) return fixed
    const { high } = rangeOfDim(size)
    if (high <= mostLength) return Math.max(0, high)
    const sources = inputsOf(this.sized.value(this.b, size))
    fail('A206', `${what} depends on ${quoted(sources)}, and nothing tells how large it may become`, boundHint(sources))
  }

  within(size: Dim, least: number, most: number, what: string): void {
    const { low, high } = rangeOfDim(size)
    this.check(low <= most && high >= least, `${what} is ${low} to ${high}, not ${least} to ${most}`)
    if (low < least || high > most)
      this.host.limit(this.sized.value(this.b, size), { of: `${what} of ${this.name}`, least, most })
  }

  sizedTo(padded: Value, dims: readonly Dim[]): Item {
    const lengths = dims.flatMap((dim, axis) =>
      numberOf(dim) === undefined ? [{ axis, count: this.sized.value(this.b, dim) }] : [],
    )
    return lengths.length > 0 ? { padded, lengths } : padded
  }

  /** A207: input `i` is of data-dependent length, which the operator does not take. */
  refuseLength(i: number): never {
    const item = this.items[i] as Bounded
    const sources = [...new Set(item.lengths.flatMap(({ count }) => inputsOf(count)))]
    fail(
      'A207',
      `input ${i} "${this.node.inputs[i]}" is of a length along ${axesIn(item)} that depends on ${quoted(sources)}`,
      bindHint(sources),
    )
  }

  /** The results under the data-dependent lengths that the inputs brought. */
  limit(results: readonly Item[], { keeps, items, sized }: Operator): readonly Item[] {
    if (items || sized || !keeps) return results
    const lengths = new Map<number, Length>()
    this.items.forEach((item, i) => {
      if (!item || !isBounded(item)) return
      for (const { axis, count } of item.lengths) {
        const kept = keeps(this, i, axis) ?? this.refuseLength(i)
        const before = lengths.get(kept)?.count
        const size = (value: Value): Dim => this.sized.element(value, 0)
        if (before && !sameDim(size(before), size(count))) this.refuseLength(i)
        lengths.set(kept, { axis: kept, count: before ?? count })
      }
    })
    if (lengths.size === 0) return results
    return results.map((padded) => (isTensor(padded) ? { padded, lengths: [...lengths.values()] } : padded))
  }

  constantInts(i: number, fallback?: readonly number[]): number[] {
    return fallback && !this.inputs[i] ? [...fallback] : toNumbers(this.constant(i))
  }

  private attribute<K extends Attribute['kind']>(name: string, kind: K, fallback?: ValueOf<K>): ValueOf<K> {
    const attribute = this.node.attributes.get(name)
    if (!attribute) return fallback ?? fail('A205', `attribute "${name}" is missing`)
    if (attribute.kind !== kind) fail('A205', `attribute "${name}" is of kind ${attribute.kind}, not ${kind}`)
    return attribute.value as ValueOf<K>
  }

  int(name: string, fallback?: number): number {
    return Number(this.attribute(name, 'int', fallback === undefined ? undefined : BigInt(fallback)))
  }

  bigints(name: string): readonly bigint[] {
    const attribute = this.node.attributes.get(name)
    return attribute?.kind === 'int' ? [attribute.value] : [...this.attribute(name, 'ints').bigints()]
  }

  float(name: string, fallback?: number): number {
    return this.attribute(name, 'float', fallback)
  }

  string(name: string, fallback?: string): string {
    return this.attribute(name, 'string', fallback)
  }

  ints(name: string, fallback?: readonly number[]): number[] {
    return fallback && !this.has(name) ? [...fallback] : [...this.attribute(name, 'ints').numbers()]
  }

  floats(name: string, fallback?: readonly number[]): number[] {
    return fallback && !this.has(name) ? [...fallback] : [...this.attribute(name, 'floats')]
  }

  column(name: string): Float64Array | Float32Array {
    const attribute = this.node.attributes.get(name)
    if (!attribute) return new Float64Array(0)
    return attribute.kind === 'floats' ? attribute.value : this.attribute(name, 'ints').numbers()
  }

  strings(name: string, fallback?: readonly string[]): readonly string[] {
    return this.attribute(name, 'strings', fallback)
  }

  tensor(name: string): Tensor {
    return this.attribute(name, 'tensor')()
  }

  stored(name: string): Value {
    const { stored, path } = this.host
    return stored.value(path + this.node.outputs[0]!, this.attribute(name, 'tensor'), this.b)
  }

  normalization(x: Value, y: Value, epsilon: number, momentum: number): void {
    const parameters = [1, 2, 3, 4].map((i) => this.items[i]!)
    if (!parameters.every(isTensor)) return
    const [scale, bias, mean, variance] = parameters as [Value, Value, Value, Value]
    this.host.stored.normalization({ name: this.name, x, y, scale, bias, mean, variance, epsilon, momentum })
  }

  dropout(x: Value, ratio: number): Value {
    return this.host.stored.dropout(this.name, x, ratio, this.b)
  }

  private get name(): string {
    return this.host.path + this.node.name
  }

  stringTensor(name: string): StringTensor | undefined {
    const attribute = this.node.attributes.get(name)
    return attribute?.kind === 'string tensor' ? attribute.value : undefined
  }

  dtype(name: string, fallback?: DType): DType {
    return fallback && !this.has(name) ? fallback : requireDType(this.int(name), `attribute "${name}"`)
  }

  graph(name: string): GraphProto {
    return this.attribute(name, 'graph')
  }

  has(name: string): boolean {
    return this.node.attributes.has(name)
  }

  check(condition: boolean, message: string): asserts condition {
    if (!condition) fail('A205', message)
  }

  unsupported(message: string): never {
    fail('A203', message)
  }
}
