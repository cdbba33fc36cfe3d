import { byteSize, type DType } from '../core/scalar/dtype.ts'
import { identityOf } from '../core/ops/reductions/reduce.ts'
import type { Access, NestKernel, TemplateArgument } from '../schedule/program/program.ts'
import type { TemplateName } from '../schedule/templates.generated.ts'
import { lanes } from '../schedule/kernels/vectorizable.ts'
import type { VectorPlan } from '../schedule/kernels/vector-plan.ts'
import { HoistedConstants } from './hoisted.ts'
import { horizontal } from './horizontal.ts'
import { checkedIndex, clampedIndex, indexCode } from './index-code.ts'
import { inlineStraight, type StraightBody } from './inline.ts'
import { wasmTypeOf, type Code, type FunctionBuilder, type WasmType } from './machine.ts'
import { binaryCode, constantCode, emitScalar } from './scalar.ts'
import {
  binaryVector,
  emitVector,
  loadContiguous,
  loadLanes,
  splatScalar,
  storeVector,
  type VectorSite,
} from './vector.ts'

/** A function to generate: equal keys are equal functions, which sites share; `args` are a site's own. */
export interface FunctionRequest {
  readonly key: string
  readonly params: readonly WasmType[]
  readonly args: readonly TemplateArgument[]
  readonly build: (f: FunctionBuilder) => Code
}

/** A memory stream: a pointer that the loops move. */
interface Stream {
  readonly access: Access
  readonly dtype: DType
  readonly bytes: number
  /** Parameter that holds the address of the current element. */
  readonly pointer: number
  /** Bytes per iteration of each loop. */
  readonly strides: readonly number[]
  readonly indices: readonly { readonly stream: Stream; readonly scale: number; readonly limit: number }[]
}

/** Elements from which on a mathematical function's code goes into the loop: a call loads its constants every time. */
const inlineElements = 128

/** Elements of a reduced row from which on several sums side by side pay. */
const longRow = 32

/** Elements of a long column: several columns' sums side by side hide the latency of combining, and use whole lines of the cache. */
const longColumn = 256

/** Vectors of columns that are reduced side by side. */
const mostColumns = 4

/** The code of templates that can be inlined. */
export type Straight = (template: TemplateName) => StraightBody | undefined

/** Emits the loops of a nest; streams' base addresses are the function's parameters. */
export class NestEmitter {
  private readonly f: FunctionBuilder
  private readonly plan: VectorPlan
  private readonly straight: Straight
  private readonly inlines: boolean
  private readonly kernel: NestKernel
  private readonly outputs: number
  private readonly reads: Stream[]
  private readonly posts: Stream[]
  private readonly write: Stream
  private readonly all: Stream[] = []
  private readonly constants: HoistedConstants
  /** Reads that do not move in the innermost loops, loaded before them. */
  private cached = new Map<Stream, number>()
  /** The iteration that scalar code is emitted for, of those side by side; of vectors the first of four. */
  private place = 0

  constructor(f: FunctionBuilder, plan: VectorPlan, straight: Straight) {
    this.f = f
    this.constants = new HoistedConstants(f)
    this.plan = plan
    this.straight = straight
    this.inlines = plan.kernel.extents.reduce((a, b) => a * b, 1) >= inlineElements
    this.kernel = plan.kernel
    this.outputs = plan.kernel.extents.length - plan.kernel.reduced
    let next = 0
    const stream = (access: Access, dtype = access.buffer.dtype): Stream => {
      const pointer = next++
      const bytes = byteSize(dtype)
      const indices = (access.indirect ?? []).map(({ index, dtype: as, scale, limit }) => ({
        stream: stream(index, as),
        scale: scale * bytes,
        limit,
      }))
      const strides = plan.kernel.extents.map((_, i) => (access.strides[i] ?? 0) * bytes)
      const made = { access, dtype, bytes, pointer, strides, indices }
      this.all.push(made)
      return made
    }
    this.reads = this.kernel.reads.map((a) => stream(a))
    this.posts = this.kernel.post.reads.map((a) => stream(a))
    this.write = stream(this.kernel.write)
  }

  emit(): Code {
    const body = this.outer(0)
    return this.f.m.block(null, [...this.constants.prologue, ...body])
  }

  /** Whether loop `level` runs four iterations at a time. */
  private isVector(level: number): boolean {
    const { axis } = this.plan
    return (
      (axis === 'output' && level === this.outputs - 1) ||
      (axis === 'reduced' && level === this.kernel.extents.length - 1)
    )
  }

  /** Whether four iterations stand side by side in the loop: table lookups, which would spend half of their time on counting. */
  private isUnrolled(level: number): boolean {
    const { kernel, reads } = this
    const { extents, accumulate } = kernel
    if (this.plan.axis !== 'none' || level !== extents.length - 1 || kernel.reduced > 0 || accumulate) return false
    const isTable = (s: Stream): boolean => s.indices.some((i) => i.stream.bytes === 1)
    const forward = this.all.every((s) => s.strides[level]! >= 0)
    return extents[level]! >= inlineElements && this.write.indices.length === 0 && forward && reads.some(isTable)
  }

  /** How far a stream has moved after all of loop `level` and the loops in it. */
  private moved(level: number, s: Stream): number {
    const { extents } = this.kernel
    if (level === extents.length) return 0
    const extent = extents[level]!
    if (!this.isVector(level) && !this.isUnrolled(level)) return extent * s.strides[level]!
    const rest = extent % lanes
    return (extent - rest) * s.strides[level]! + (rest > 0 ? this.moved(level + 1, s) : 0)
  }

  /** `iterations` times `body`, after each of which the streams move to the next of `step` iterations of the loop. */
  private loop(level: number, iterations: number, step: number, body: readonly Code[]): Code[] {
    const { f } = this
    if (iterations === 0) return []
    const advance = this.all.flatMap((s) => f.advance(s.pointer, step * s.strides[level]! - this.moved(level + 1, s)))
    if (iterations === 1) return [...body, ...advance]
    const counter = f.newLocal('i32')
    const label = `l${counter}`
    const next = f.m.local.tee(counter, f.m.i32.sub(f.get(counter), f.i32(1)), f.type('i32'))
    return [
      f.set(counter, f.i32(iterations)),
      f.m.loop(label, f.m.block(null, [...body, ...advance, f.m.br(label, next)])),
    ]
  }

  private outer(level: number): Code[] {
    if (level === this.outputs) return this.element(1)
    const extent = this.kernel.extents[level]!
    const hoisted = level === this.outputs - 1 && this.kernel.reduced === 0 ? this.hoist(this.reads, [level]) : []
    const unrolled = this.isUnrolled(level)
    if (!unrolled && !this.isVector(level)) return [...hoisted, ...this.loop(level, extent, 1, this.outer(level + 1))]
    const rest = extent % lanes
    const vectors = (extent - rest) / lanes
    if (unrolled) return [...hoisted, ...this.loop(level, vectors, lanes, this.elements(lanes)), ...this.elements(rest)]
    const beside = this.columnsBeside(level)
    const [turns, several] = beside > 1 ? [Math.floor(vectors / beside), this.columns(beside)] : [0, []]
    const left = vectors - turns * beside
    const main = this.loop(level, left, lanes, left > 0 ? this.element(lanes) : [])
    return [
      ...hoisted,
      ...this.loop(level, turns, beside * lanes, several),
      ...main,
      ...(rest > 0 ? this.element(rest) : []),
    ]
  }

  /** How many vectors of the output are reduced side by side. */
  private columnsBeside(level: number): number {
    const { extents, reduced } = this.kernel
    const column = extents.slice(this.outputs).reduce((a, b) => a * b, 1)
    const plain = this.all.every((s) => s.indices.length === 0 && [0, s.bytes].includes(s.strides[level]!))
    if (reduced === 0 || column < longColumn || !plain || this.write.strides[level] === 0) return 1
    return Math.min(mostColumns, Math.floor(extents[level]! / lanes))
  }

  /** So many vectors of the output, reduced side by side. */
  private columns(count: number): Code[] {
    const { f, kernel } = this
    const { dtype } = kernel.body
    const start = this.constants.splat(identityOf(kernel.combine!, dtype), dtype)
    const accs = Array.from({ length: count }, () => f.newLocal('v128'))
    const inner = (level: number): Code[] =>
      level === kernel.extents.length
        ? this.besides(count, lanes, (i) => this.accumulate(accs[i]!, lanes))
        : this.loop(level, kernel.extents[level]!, 1, inner(level + 1))
    return [
      ...accs.map((acc, i) => f.set(acc, i === 0 ? start : f.get(accs[0]!))),
      ...inner(this.outputs),
      ...this.besides(count, lanes, (i) => this.finish(f.get(accs[i]!), lanes)),
    ]
  }

  /** `body` for iterations that stand side by side, `step` apart. */
  private besides(count: number, step: number, body: (i: number) => Code[]): Code[] {
    const codes = Array.from({ length: count }, (_, i) => {
      this.place = i * step
      return body(i)
    })
    this.place = 0
    return codes.flat()
  }

  /** So many scalar elements of the innermost loop. */
  private elements(count: number): Code[] {
    return this.besides(count, 1, () => this.element(1))
  }

  /** Loads reads that stay put in all of `levels` into locals. */
  private hoist(streams: readonly Stream[], levels: readonly number[]): Code[] {
    const { f } = this
    const vector = this.plan.axis !== 'none'
    const still = streams.filter((s) => s.indices.length === 0 && levels.every((l) => s.strides[l] === 0))
    return still.map((s) => {
      const local = f.newLocal(vector ? 'v128' : wasmTypeOf(s.dtype))
      const code = f.set(local, this.load(s, lanes, vector))
      this.cached.set(s, local)
      return code
    })
  }

  /** One element of the output, or `count` of them side by side. */
  private element(count: number): Code[] {
    const { kernel, f } = this
    if (kernel.reduced === 0) {
      const { statements, value } = this.evaluate(kernel.body, this.reads, count, this.plan.axis !== 'none')
      return [...statements, ...this.finish(value, count)]
    }
    const vector = this.plan.axis !== 'none'
    const dtype = kernel.body.dtype
    const acc = f.newLocal(vector ? 'v128' : wasmTypeOf(dtype))
    const identity = identityOf(kernel.combine!, dtype)
    const start = vector ? this.constants.splat(identity, dtype) : constantCode(f, identity, dtype)
    const before = this.cached
    this.cached = new Map(before)
    const levels = kernel.extents.map((_, i) => i).slice(this.outputs)
    const hoisted = this.plan.axis === 'reduced' ? this.hoist(this.reads, levels) : []
    const accs = [acc, ...Array.from({ length: this.chains() - 1 }, () => f.newLocal('v128'))]
    const loops = levels.some((l) => kernel.extents[l] === 0) ? [] : this.inner(this.outputs, accs, count)
    this.cached = before
    const starts = accs.slice(1).map((other) => f.set(other, f.get(acc)))
    const joins = accs
      .slice(1)
      .map((other) => f.set(acc, binaryVector(f, kernel.combine!, dtype, f.get(acc), f.get(other))))
    const code = [f.set(acc, start), ...starts, ...hoisted, ...loops, ...joins]
    if (this.plan.axis !== 'reduced') return [...code, ...this.finish(f.get(acc), count)]
    return [...code, ...this.finish(horizontal(f, kernel.combine!, dtype, acc), 1)]
  }

  /** Independent combinations of a reduced vector, which hide the latency of combining. */
  private chains(): number {
    const { extents } = this.kernel
    return this.plan.axis === 'reduced' && extents[extents.length - 1]! >= longRow ? 4 : 1
  }

  private inner(level: number, accs: readonly number[], count: number): Code[] {
    const { kernel, f } = this
    const acc = accs[0]!
    if (level === kernel.extents.length) return this.accumulate(acc, count)
    const extent = kernel.extents[level]!
    if (!this.isVector(level)) return this.loop(level, extent, 1, this.inner(level + 1, accs, count))
    const rest = extent % lanes
    const vectors = (extent - rest) / lanes
    const next = (): Code[] => this.all.flatMap((s) => f.advance(s.pointer, lanes * s.strides[level]!))
    const turn = accs.flatMap((each, i) => [...(i > 0 ? next() : []), ...this.accumulate(each, lanes)])
    const main = this.loop(level, Math.floor(vectors / accs.length), lanes, turn)
    const single = accs.slice(0, vectors % accs.length).flatMap((each) => [...this.accumulate(each, lanes), ...next()])
    return [...main, ...single, ...(rest > 0 ? this.accumulate(acc, rest) : [])]
  }

  /** acc = combine(acc, body); lanes beyond `count` of a reduced vector keep the identity. */
  private accumulate(acc: number, count: number): Code[] {
    const { f, kernel } = this
    const { dtype } = kernel.body
    const combine = kernel.combine!
    const vector = this.plan.axis !== 'none'
    const { statements, value } = this.evaluate(kernel.body, this.reads, count, vector)
    if (!vector) return [...statements, f.set(acc, binaryCode(f, combine, dtype, f.get(acc), value))]
    const masked =
      this.plan.axis === 'reduced' && count < lanes
        ? f.m.v128.bitselect(value, this.constants.splat(identityOf(combine, dtype), dtype), this.laneMask(count))
        : value
    return [...statements, f.set(acc, binaryVector(f, combine, dtype, f.get(acc), masked))]
  }

  private laneMask(count: number): Code {
    return this.f.m.v128.const(Array.from({ length: 16 }, (_, byte) => (byte < count * 4 ? 255 : 0)))
  }

  /** Applies the post expression to a finished element and stores it. */
  private finish(value: Code, count: number): Code[] {
    const { f, kernel } = this
    const vector = this.plan.axis === 'output'
    const { expr } = kernel.post
    if (expr.kind === 'arg' && expr.index === 0) return this.store(value, count, vector)
    const type = vector ? 'v128' : wasmTypeOf(kernel.body.dtype)
    const element = f.newLocal(type)
    const argument = (i: number): Code => (i === 0 ? f.get(element) : this.read(this.posts[i - 1]!, count, vector))
    const { statements, value: result } = vector
      ? emitVector(f, expr, argument, this.site(count))
      : emitScalar(f, expr, argument)
    return [f.set(element, value), ...statements, ...this.store(result, count, vector)]
  }

  private store(value: Code, count: number, vector: boolean): Code[] {
    const { f, write, kernel } = this
    if (vector)
      return storeVector(
        f,
        write.dtype,
        () => f.get(write.pointer),
        value,
        count,
        write.strides[this.outputs - 1]!,
        this.place,
      )
    const { accumulate } = kernel
    const stored = (pointer: () => Code): Code => {
      const result = accumulate
        ? binaryCode(f, accumulate, write.dtype, f.loadScalar(write.dtype, pointer()), value)
        : value
      return f.storeScalar(write.dtype, pointer(), result, this.ahead(write))
    }
    if (write.indices.length === 0) return [stored(() => f.get(write.pointer))]
    const address = f.newLocal('i32')
    const inside = f.newLocal('i32')
    const code: Code[] = [f.set(address, f.get(write.pointer)), f.set(inside, f.i32(1))]
    for (const { stream, scale, limit } of write.indices) {
      const index = f.newLocal(wasmTypeOf(stream.dtype))
      const checked = checkedIndex(f, index, stream.dtype, limit)
      code.push(
        f.set(index, indexCode(f, stream, 0)),
        f.set(inside, f.m.i32.and(f.get(inside), checked.inside)),
        f.set(address, f.m.i32.add(f.get(address), f.m.i32.mul(checked.place, f.i32(scale)))),
      )
    }
    return [
      ...code,
      f.m.if(
        f.get(inside),
        stored(() => f.get(address)),
      ),
    ]
  }

  private evaluate(expr: NestKernel['body'], streams: readonly Stream[], count: number, vector: boolean) {
    const argument = (i: number): Code => this.read(streams[i]!, count, vector)
    return vector ? emitVector(this.f, expr, argument, this.site(count)) : emitScalar(this.f, expr, argument)
  }

  private read(s: Stream, count: number, vector: boolean): Code {
    const local = this.cached.get(s)
    return local === undefined ? this.load(s, count, vector) : this.f.get(local)
  }

  private load(s: Stream, count: number, vector: boolean): Code {
    const { f } = this
    if (!vector) return f.loadScalar(s.dtype, this.address(s, this.place), this.ahead(s))
    const level = this.plan.axis === 'output' ? this.outputs - 1 : this.kernel.extents.length - 1
    const stride = s.strides[level]!
    const apart = s.indices.some((i) => i.stream.strides[level] !== 0)
    if (apart) return loadLanes(f, s.dtype, count, (lane) => [this.address(s, lane), lane * stride])
    if (stride === 0) return splatScalar(f, f.loadScalar(s.dtype, this.address(s, 0)), s.dtype)
    if (stride === s.bytes) return loadContiguous(f, s.dtype, this.address(s, 0), this.place * stride)
    // A negative offset does not fit a load's immediate: it goes into the address.
    return loadLanes(f, s.dtype, count, (lane) =>
      stride >= 0 ? [this.address(s, 0), lane * stride] : [f.m.i32.add(this.address(s, 0), f.i32(lane * stride)), 0],
    )
  }

  /** Bytes from where the stream stands to its element of the place that is emitted. */
  private ahead(s: Stream): number {
    return this.place * (s.strides[this.kernel.extents.length - 1] ?? 0)
  }

  /** Address of the stream's element; `lane` counts iterations of the vector loop, for loaded indices that move with it. */
  private address(s: Stream, lane: number): Code {
    const { f } = this
    const level = this.plan.axis === 'output' ? this.outputs - 1 : this.kernel.extents.length - 1
    return s.indices.reduce((sum, { stream, scale, limit }) => {
      const index = indexCode(f, stream, lane * (stream.strides[level] ?? 0))
      const place = clampedIndex(f, index, stream.dtype, limit)
      return f.m.i32.add(sum, scale === 1 ? place : f.m.i32.mul(place, f.i32(scale)))
    }, f.get(s.pointer))
  }

  private site(count: number): VectorSite {
    const math = (template: TemplateName, args: readonly Code[]): Code | undefined => {
      const body = this.inlines && count === lanes ? this.straight(template) : undefined
      return body && inlineStraight(this.f, body, args, (bytes) => this.constants.bits(bytes))
    }
    return { constant: (value, dtype) => this.constants.splat(value, dtype), math }
  }
}
