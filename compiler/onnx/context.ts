import type { Builder } from '../core/builder.ts'
import type { DType } from '../core/scalar/dtype.ts'
import type { Value } from '../core/graph.ts'
import type { Tensor } from '../core/tensor.ts'
import type { GraphProto } from './decode.ts'
import type { Dim, Dims } from './dims.ts'
import type { StringProgram } from './boundary/string-program.ts'
import type { FreeStrings, Item, Sequence } from './item.ts'
import type { StringTensor } from './stored-tensor.ts'

/** One ONNX node while it is lowered to core ops. Every method that can fail throws a located CompileError. */
export interface OpContext {
  /** Makes core nodes that carry this ONNX node as their origin. */
  readonly b: Builder
  /** The model's opset for the node's domain: an operator's version differences are decided by it. */
  readonly opset: number
  /** Number of outputs the node names (an optional trailing output that is not named is not counted). */
  readonly outputCount: number
  /** Whether output i is named and something reads it. */
  wantsOutput(i: number): boolean
  /** All inputs in order; an omitted optional input is undefined, and so is one that is no tensor (see `Operator.items`). */
  readonly inputs: readonly (Value | undefined)[]
  /** Input i, be it a tensor, a sequence or an optional without a value; undefined where it is omitted. */
  item(i: number): Item | undefined
  /** Input i, which must be a sequence. */
  sequence(i: number): Sequence
  /** Input i, which must be there. */
  input(i: number): Value
  /** Input i; where the operator that gave it rounded its f32 to fewer bits, that f32. */
  unrounded(i: number): Value
  /** The value of input i, which must be computable at compile time (A206 otherwise). */
  constant(i: number): Tensor
  /** The same as JavaScript integers, flattened. `fallback` where the input is omitted. */
  constantInts(i: number, fallback?: readonly number[]): number[]
  /** The elements of input i, integers, each a number or a size that depends on data; `fallback` where it is omitted. */
  sizes(i: number, fallback?: readonly number[]): readonly Dim[]
  /** The shape of input i without its padding. */
  dims(i: number): readonly Dim[]
  /** What the model's sizes are that depend on data. */
  readonly sized: Dims
  /** The greatest that a size may be. A206 where nothing bounds it; `what` it is, for the message. */
  most(size: Dim, what: string): number
  /** Makes sure that a size is within, both included: by a check after each run where that is not certain. A205 where it never is. */
  within(size: Dim, least: number, most: number, what: string): void
  /** `padded` as a tensor of these dimensions; it is as long along each axis as they are at most. */
  sizedTo(padded: Value, dims: readonly Dim[]): Item
  /** Attributes by name; A205 where it has another type or is missing and no fallback is given. */
  int(name: string, fallback?: number): number
  /** An integer or a list of them, exactly. */
  bigints(name: string): readonly bigint[]
  float(name: string, fallback?: number): number
  string(name: string, fallback?: string): string
  ints(name: string, fallback?: readonly number[]): number[]
  floats(name: string, fallback?: readonly number[]): number[]
  /** A long list of integers or floats; empty where it is missing. Integers beyond 2^53 lose precision. */
  column(name: string): Float64Array | Float32Array
  strings(name: string, fallback?: readonly string[]): readonly string[]
  tensor(name: string): Tensor
  /** The same as a constant: one node, however often this node is lowered. */
  stored(name: string): Value
  /** undefined where the attribute is no tensor of strings. */
  stringTensor(name: string): StringTensor | undefined
  /** The dtype an attribute such as Cast's `to` names (an ONNX TensorProto.DataType number). */
  dtype(name: string, fallback?: DType): DType
  graph(name: string): GraphProto
  has(name: string): boolean
  /** The outputs of a subgraph. Its inputs become `inputs`; names from outside mean what they mean at this node. */
  inline(graph: GraphProto, inputs: readonly Item[]): Item[]
  /** What the names mean that a subgraph reads from around it. */
  captured(graph: GraphProto): Item[]
  /** What `body` gives; undefined, with nothing reported, where it fails or a subgraph that it inlines cannot be lowered. */
  attempt<T>(body: () => T): T | undefined
  /** Tells that `y` is a batch normalization of `x` by inputs 1 to 4, scale, bias, mean and variance; channels are axis 1. */
  normalization(x: Value, y: Value, epsilon: number, momentum: number): void
  /** `x` as a value of its own, of which training makes elements 0 with probability `ratio`. */
  dropout(x: Value, ratio: number): Value
  /** Input i as strings that the script has; undefined where it is no strings. */
  freeStrings(i: number): FreeStrings | undefined
  /** What the script computes with strings. */
  readonly script: Pick<StringProgram, 'step' | 'enter' | 'leave'>
  /** A205 `message` unless `condition`. */
  check(condition: boolean, message: string): asserts condition
  /** A203: the operator is known, but not this form of it. */
  unsupported(message: string): never
}

/** How an ONNX operator becomes core ops: one result for each output the node may name, in order. */
export interface Operator {
  /** First opset whose semantics the lowering knows (default 1). */
  readonly since?: number
  /**
   * `arithmetic` (default): f16 and bf16 operands are converted to f32 before `lower`, and its f32 results back. Where one such
   * operator reads another's result, it gets the f32 that this was before, as in onnxruntime (`InsertCastTransformer`).
   * `moved`: elements come out as they are. Results of the operators above are moved as f32, so that the same holds behind it; all
   * else in its own dtype.
   * `storage`: any dtype passes as it is; the operator knows itself what to do with it.
   */
  readonly floats?: 'arithmetic' | 'moved' | 'storage'
  /** `arithmetic`: results that are f32 whatever the operands are. */
  readonly f32Results?: readonly number[]
  /** Whether it takes sequences and optionals without a value; other operators get tensors only. */
  readonly items?: true
  /**
   * Takes tensors whose length along an axis depends on data, padded: the axis of the results that axis `axis` of input
   * `input` becomes, element for element; undefined where there is none. Operators without it do not take such tensors.
   */
  readonly keeps?: (c: OpContext, input: number, axis: number) => number | undefined
  /** It computes what becomes of data-dependent lengths itself: takes padded tensors, and gives `sizedTo`. */
  readonly sized?: true
  /** It only moves elements: inputs that are strings pass as places in one list, and then all results are strings. */
  readonly strings?: true
  /** It leaves strings to the script (`freeStrings`); other operators get their places in a list. */
  readonly freeStrings?: true
  /** What it does not take, for the list in docs/models.md; no sentence, but a part of one. */
  readonly limits?: string
  readonly lower: (c: OpContext) => Item[]
}
