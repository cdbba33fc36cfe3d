import type { Sparsity } from '../../core/artefact/artefact.ts'
import { isMathHeavy } from '../kernels/work.ts'
import { arg } from '../../core/scalar/expr.ts'
import { byteSize, type DType } from '../../core/scalar/dtype.ts'
import { dequantizer } from '../../core/analysis/dequantized.ts'
import { countUses, nodesOf, type Graph, type Node, type Value } from '../../core/graph.ts'
import { elementCount, sameShape, type Shape } from '../../core/shape.ts'
import { hash } from '../../core/bytes/hash.ts'
import { bytesOf, type Tensor } from '../../core/tensor.ts'
import { contiguous, isContiguous } from '../program/access.ts'
import { bordered, borderRequirements, contains, fillBorder, isEmptyBorder, type Border } from '../memory/border.ts'
import { isPending, lazyAccess, pendingOf, plainAccess, postOf, type Lazy } from './lazy.ts'
import {
  constantBytes,
  inArena,
  type Access,
  type Buffer,
  type Kernel,
  type Home,
  type NestKernel,
  type ProgramPort,
} from '../program/program.ts'

/** Whether it is little work on constants, which readers want in forms of their own. */
const isStored = (lazy: Lazy): boolean =>
  lazy.args.length > 0 &&
  lazy.args.every((a) => !isPending(a) && constantBytes(a.buffer) !== undefined) &&
  !isMathHeavy(lazy)

/** Decisions on weights, by what they are for and the weights' hash. */
export type Decided = Map<string, unknown>

export interface ScheduleOptions {
  /** Where weights are stored without zeros; `speed` unless given. */
  readonly sparsity?: Sparsity
  /** What was decided for other programs of the module, to which this one adds. */
  readonly decided?: Decided
}

/** What a lowering rule may do: ask for operands in one form or another, emit kernels, and define results. */
export class Scheduler {
  private readonly kernels: Kernel[] = []
  private readonly values = new Map<Value, Lazy>()
  private readonly uses: ReadonlyMap<Value, number>
  private readonly wanted: ReadonlyMap<Value, Border>
  /** Borders that exist, by buffer. */
  private readonly borders = new Map<Buffer, Border>()
  /** Copies with a border. */
  private readonly copies = new Map<Value, Access[]>()
  private readonly names: { next: number }
  /** What constants were made into. */
  private readonly forms = new Map<Buffer, Map<string, Buffer>>()
  private readonly lower: Lower
  readonly dequantizedOf = dequantizer()
  readonly sparsity: Sparsity

  /** What fills prepared buffers at the start. */
  readonly prepared: NestKernel[]

  private readonly decided: Decided | undefined

  constructor(
    graph: Graph,
    lower: Lower,
    { sparsity = 'speed', decided }: ScheduleOptions,
    names = { next: 0 },
    prepared: NestKernel[] = [],
  ) {
    this.decided = decided
    this.prepared = prepared
    this.lower = lower
    this.sparsity = sparsity
    this.names = names
    this.uses = countUses(graph)
    this.wanted = borderRequirements(graph)
  }

  emit(kernel: Kernel): void {
    this.kernels.push(kernel)
  }

  newBuffer(dtype: DType, length: number): Buffer {
    return { name: `b${this.names.next++}`, dtype, length, home: { kind: 'arena' } }
  }

  preparedBuffer(dtype: DType, length: number): Buffer {
    return { name: `p${this.names.next++}`, dtype, length, home: { kind: 'prepared' } }
  }

  constantBuffer(dtype: DType, data: Uint8Array): Buffer {
    const home = { kind: 'constant', data } as const
    return { name: `c${this.names.next++}`, dtype, length: data.length / byteSize(dtype), home }
  }

  /** What `make` makes of constant `source`, once for each `form`: weights may belong to many products. */
  formOf(source: Buffer, form: string, make: () => Buffer): Buffer {
    const known = this.forms.get(source) ?? new Map<string, Buffer>()
    this.forms.set(source, known)
    const made = known.get(form) ?? make()
    known.set(form, made)
    return made
  }

  /**
   * What `decide` says of constant weights for `use`, a form of them among others; where they stand in programs of several shapes, what the first of these
   * was told, so that they are in the module once.
   */
  decision<T>(weights: Buffer, use: string, decide: () => T): T {
    const data = constantBytes(weights)
    if (!this.decided || !data) return decide()
    const key = `${use} ${hash([data])}`
    if (!this.decided.has(key)) this.decided.set(key, decide())
    return this.decided.get(key) as T
  }

  /** What `formOf` made before. */
  knownForm(source: Buffer, form: string): Buffer | undefined {
    return this.forms.get(source)?.get(form)
  }

  constantAccess(t: Tensor): Access {
    return contiguous(this.constantBuffer(t.dtype, bytesOf(t)), t.shape)
  }

  /** The value as it is: in memory, or not yet. */
  lazy(value: Value): Lazy {
    return this.values.get(value)!
  }

  /**
   * Defines a value. One that several users want, and that takes work to compute, goes to memory at once.
   */
  define(value: Value, lazy: Lazy): void {
    this.values.set(value, lazy)
    if ((this.uses.get(value) ?? 0) > 1 && !plainAccess(lazy) && !isStored(lazy)) this.force(value)
  }

  /** The value without a pending kernel: an expression over memory. */
  readable(value: Value): Lazy {
    const lazy = this.lazy(value)
    if (!pendingOf(lazy)) return lazy
    this.force(value)
    return this.lazy(value)
  }

  /** The same where each element is read more than once: what is expensive to compute goes to memory. */
  rereadable(value: Value): Lazy {
    const lazy = this.readable(value)
    if (!isMathHeavy(lazy)) return lazy
    this.force(value)
    return this.lazy(value)
  }

  /** The value in memory, wherever its elements stand. */
  force(value: Value): Access {
    const lazy = this.lazy(value)
    const there = plainAccess(lazy)
    if (there && !there.indirect) return there
    const access = this.allocate(lazy.type, this.wanted.get(value))
    this.materialize(lazy, access)
    this.values.set(value, lazyAccess(access, lazy.type))
    return access
  }

  /** The value in memory, in row-major order without gaps. */
  forceContiguous(value: Value): Access {
    const access = this.force(value)
    const { type } = value
    if (isContiguous(access, type.shape)) return access
    const copy = contiguous(this.newBuffer(type.dtype, elementCount(type.shape)), type.shape)
    this.materialize(lazyAccess(access, type), copy)
    return copy
  }

  /** The value with at least `border` around it, the last axis of unit stride. */
  forceBordered(value: Value, border: Border): Access {
    const access = this.force(value)
    const copies = this.copies.get(value) ?? []
    const there = [access, ...copies].find((candidate) => this.isBordered(candidate, value.type.shape, border))
    if (there) return there
    const wanted = this.wanted.get(value)
    const copy = this.allocate(value.type, wanted && contains(wanted, border) ? wanted : border)
    this.materialize(lazyAccess(access, value.type), copy)
    this.copies.set(value, [...copies, copy])
    return copy
  }

  private isBordered(access: Access, shape: Shape, border: Border): boolean {
    const last = shape.length - 1
    if (access.strides[last] !== 1 && shape[last] !== 1) return false
    const has = this.borders.get(access.buffer)
    return isEmptyBorder(border) || (has !== undefined && contains(has, border) && this.isWhole(access, shape, has))
  }

  /** Whether the access is the interior of its bordered buffer and not a part of it. */
  private isWhole(access: Access, shape: Shape, border: Border): boolean {
    const { length, offset, strides } = bordered(shape, border)
    return length === access.buffer.length && offset === access.offset && sameShape(strides, access.strides)
  }

  /** Memory for a tensor, with a filled border if asked for. */
  allocate(type: { dtype: DType; shape: Shape }, border?: Border): Access {
    const { shape, dtype } = type
    if (!border) return contiguous(this.newBuffer(dtype, elementCount(shape)), shape)
    const place = bordered(shape, border)
    const buffer = this.newBuffer(dtype, place.length)
    this.borders.set(buffer, border)
    if (!isEmptyBorder(border)) fillBorder(buffer, shape, border, place).forEach((kernel) => this.emit(kernel))
    return { buffer, offset: place.offset, strides: place.strides }
  }

  /** Computes a lazy value into memory. */
  materialize(lazy: Lazy, write: Access): void {
    const pending = pendingOf(lazy)
    if (pending) {
      pending.emit(postOf(lazy), write, lazy.nodes)
      return
    }
    this.emit({
      kind: 'nest',
      extents: lazy.type.shape,
      reduced: 0,
      body: lazy.expr,
      reads: lazy.args as readonly Access[],
      post: { expr: arg(0, lazy.type.dtype), reads: [] },
      write,
      nodes: lazy.nodes,
    })
  }

  /** Whether something reads the value. */
  isUsed(value: Value): boolean {
    return this.uses.has(value)
  }

  /** The kernels of a region whose inputs stand at `inputs`; `place` says what becomes of its outputs. */
  region(graph: Graph, inputs: readonly Access[], place: (inner: Scheduler) => void): Kernel[] {
    const options = { sparsity: this.sparsity, ...(this.decided && { decided: this.decided }) }
    const inner = new Scheduler(graph, this.lower, options, this.names, this.prepared)
    graph.inputs.forEach(({ value }, i) => inner.values.set(value, lazyAccess(inputs[i]!, value.type)))
    for (const node of nodesOf(graph)) this.lower(inner, node)
    place(inner)
    return inner.kernels
  }

  /** Memory for an input, whose home is `home`. */
  input(value: Value, name: string, home: Home = { kind: 'arena' }): ProgramPort {
    const { dtype, shape } = value.type
    const buffer = { ...this.newBuffer(dtype, elementCount(shape)), home }
    this.values.set(value, lazyAccess(contiguous(buffer, shape), value.type))
    return { name, buffer, dtype, shape }
  }

  /** A buffer that holds the value alone, in row-major order, for the module's boundary. */
  output(value: Value, name: string, taken: ReadonlySet<Buffer>): ProgramPort {
    const { dtype, shape } = value.type
    const there = plainAccess(this.lazy(value))
    const length = elementCount(shape)
    const reusable =
      there &&
      isContiguous(there, shape) &&
      there.offset === 0 &&
      there.buffer.length === length &&
      there.buffer.dtype === dtype &&
      inArena(there.buffer) &&
      !taken.has(there.buffer)
    if (reusable) return { name, buffer: there.buffer, dtype, shape }
    const buffer = this.newBuffer(dtype, length)
    this.materialize(this.lazy(value), contiguous(buffer, shape))
    return { name, buffer, dtype, shape }
  }

  /** What was emitted so far. */
  emitted(): readonly Kernel[] {
    return this.kernels
  }
}

/** One rule for each core op: how a node becomes kernels, or a lazy value. */
export type Lowering<N extends Node> = (s: Scheduler, node: N) => void

export const originOf = (node: Node): string[] => (node.origin ? [node.origin.node] : [])

/** How any node becomes kernels. */
export type Lower = (s: Scheduler, node: Node) => void
