import type { DType } from '../../core/scalar/dtype.ts'
import type { Expr } from '../../core/scalar/expr.ts'
import type { ReduceKind } from '../../core/ops/reductions/reduce.ts'
import { unboundedTrips } from '../../core/ops/control-flow/while.ts'
import { templates, type TemplateName } from '../templates.generated.ts'

/**
 * What a buffer's memory is. Constants keep the bytes that the module is loaded with, and equal ones share them. Pinned
 * memory is its buffer's alone: it is loaded with `data`, or zeros, and keeps what a run leaves there for the next. Prepared
 * memory, too: kernels fill it from constants when the module starts. All other buffers share the arena, where nothing outlives a
 * run but the outputs.
 */
export type Home =
  | { readonly kind: 'arena' }
  | { readonly kind: 'constant'; readonly data: Uint8Array }
  | { readonly kind: 'pinned'; readonly data?: Uint8Array }
  | { readonly kind: 'prepared' }

/** A piece of memory; its address is the memory plan's business. */
export interface Buffer {
  readonly name: string
  readonly dtype: DType
  /** Elements, borders and channel padding included. */
  readonly length: number
  readonly home: Home
  /** Not memory of its own, but a place in another buffer that moves with a loop. */
  readonly window?: Window
}

/** Element `first + step × i` of the buffer `of` is element 0 in iteration i of the loop that `counter` counts. */
export interface Window {
  readonly of: Buffer
  readonly counter: Counter
  readonly first: number
  readonly step: number
}

/** The number of a loop's iteration, from 0. */
export interface Counter {
  readonly name: string
}

/** `of`, seen from element `first` on, and `step` elements later in each iteration of the loop that `counter` counts. */
export function windowOf(of: Buffer, counter: Counter, first: number, step: number): Buffer {
  const { name, dtype, length, home } = of
  return { name: `${name}[${counter.name}]`, dtype, length, home, window: { of, counter, first, step } }
}

/** The buffer whose memory `buffer` stands in. */
export const memoryOf = (buffer: Buffer): Buffer => (buffer.window ? memoryOf(buffer.window.of) : buffer)

/** The bytes of a constant, undefined for what a run may change. */
export const constantBytes = ({ home }: Buffer): Uint8Array | undefined =>
  home.kind === 'constant' ? home.data : undefined

/** Whether the buffer shares memory with others: only such may take each other's place, or become shorter. */
export const inArena = ({ home }: Buffer): boolean => home.kind === 'arena'

/** An element address that is affine in the loop indices, in elements of the buffer, plus loaded indices. */
export interface Access {
  readonly buffer: Buffer
  readonly offset: number
  /** One stride for each loop. */
  readonly strides: readonly number[]
  readonly indirect?: readonly Indirect[]
}

/** Adds scale × (an index loaded from memory). A read clamps the index to [0, limit]; a write skips what is outside. */
export interface Indirect {
  readonly index: Access
  /** What the bits of the index are read as, where that is not what its buffer holds. */
  readonly dtype?: DType
  readonly scale: number
  readonly limit: number
}

/** Applied to each finished element: arg 0 is the element, arg i reads[i − 1]. Accesses go over the output loops. */
export interface Post {
  readonly expr: Expr
  readonly reads: readonly Access[]
}

/** A loop nest: for every index of the output loops, combine `body` over the reduced loops, apply `post`, write. */
export interface NestKernel {
  readonly kind: 'nest'
  /** Extents, outermost first; the last `reduced` of them are combined over. */
  readonly extents: readonly number[]
  readonly reduced: number
  readonly body: Expr
  readonly reads: readonly Access[]
  /** How the reduced loops combine. */
  readonly combine?: ReduceKind
  /** How an element written combines with what stands there; it replaces that unless given. */
  readonly accumulate?: ReduceKind
  readonly post: Post
  readonly write: Access
  /** Iterations must run in order, one at a time: several may write one element. */
  readonly sequential?: boolean
  readonly nodes: readonly string[]
}

/** A scan along the last loop: running combination, or the index of the best element. */
export interface ScanKernel {
  readonly kind: 'scan'
  readonly mode:
    | { readonly kind: 'cumulate'; readonly combine: ReduceKind; readonly exclusive: boolean }
    | { readonly kind: 'argreduce'; readonly best: 'max' | 'min'; readonly last: boolean }
  readonly extents: readonly number[]
  readonly read: Access
  readonly write: Access
  readonly nodes: readonly string[]
}

/** The address of an element. */
export interface TemplateAddress {
  readonly buffer: Buffer
  readonly offset: number
}

/** What `flip` of the templates that use the relaxed dot product must be for activations of this dtype, in this engine. */
export interface TemplateFlip {
  readonly flip: 'i8' | 'u8'
}

/** An argument of a template: a number, or the address of an element. */
export type TemplateArgument = number | TemplateAddress | TemplateFlip

/** Loops of a template whose iterations are apart, so that a call may do a few of them: matrices, and rows of a matrix. */
export interface TemplateRows {
  /** Outermost first; the argument `argument` holds the product of the extents that name it. */
  readonly loops: readonly { readonly extent: number; readonly argument: string }[]
  /** How the arguments that are addresses move: a stride for each loop, and how many elements one iteration may reach. */
  readonly walks: readonly TemplateWalk[]
}

export interface TemplateWalk {
  readonly argument: string
  readonly strides: readonly number[]
  readonly length: number
}

export interface TemplateKernel {
  readonly kind: 'template'
  readonly template: TemplateName
  /** Takes its place where the relaxed dot product is exact; the arguments are the same. */
  readonly dot?: TemplateName
  /** Takes its place where floats' multiply-adds are fused; the arguments are the same. */
  readonly fused?: TemplateName
  /** By name, in the order of the template's. */
  readonly args: Readonly<Record<string, TemplateArgument>>
  /** Expressions that fill the template's holes, by hole. */
  readonly holes: Readonly<Record<string, Expr>>
  /** A buffer that is read so that the result may stand there: each element once, before the one at its place is written. */
  readonly replaces?: Buffer
  /** Where its rows can be done in parts. Every buffer it knows is then one of the walks'. */
  readonly rows?: TemplateRows
  readonly macs: number
  /** Multiply-accumulates by weights that are zero, which it leaves out. */
  readonly skippedMacs?: number
  readonly nodes: readonly string[]
}

/**
 * Nests whose first `depth` loops are the same rows, run row by row: in each row one after another. What they leave
 * for one another is one row's, so its strides over rows are 0.
 */
export interface RowsKernel {
  readonly kind: 'rows'
  readonly depth: number
  readonly nests: readonly NestKernel[]
  readonly nodes: readonly string[]
}

export type LeafKernel = NestKernel | RowsKernel | ScanKernel | TemplateKernel

/** `body`, `trips` times, or as long as `condition` holds. */
export interface LoopKernel {
  readonly kind: 'loop'
  readonly counter: Counter
  readonly trips: number
  /** A bool that is read before each iteration, the first included. */
  readonly condition?: Buffer
  /** An i32 that holds the iteration's number within the body. */
  readonly index?: Buffer
  /** An i32 that is given the number of iterations after the last. */
  readonly count?: Buffer
  readonly body: readonly Kernel[]
  readonly nodes: readonly string[]
}

/** `then` where the bool at `condition` is true, else `otherwise`. */
export interface BranchKernel {
  readonly kind: 'branch'
  readonly condition: TemplateAddress
  readonly then: readonly Kernel[]
  readonly otherwise: readonly Kernel[]
  readonly nodes: readonly string[]
}

export type Kernel = LeafKernel | LoopKernel | BranchKernel

export interface ProgramPort {
  readonly name: string
  readonly buffer: Buffer
  readonly dtype: DType
  readonly shape: readonly number[]
}

/** Kernels in the order they run: a tree, whose loops and branches hold kernels. */
export interface Program {
  /** What fills prepared buffers when the module starts. */
  readonly prepared?: readonly NestKernel[]
  readonly kernels: readonly Kernel[]
  readonly inputs: readonly ProgramPort[]
  readonly outputs: readonly ProgramPort[]
  /** Pinned buffers that a run reads and leaves for the next. */
  readonly states: readonly ProgramPort[]
}

/** An input that is not given but kept: what the output `next` was in the run before, at first `start`, or zeros. */
export interface State {
  readonly input: string
  readonly next: string
  readonly start?: Uint8Array
}

const accessBuffers = (a: Access): Buffer[] => [a.buffer, ...(a.indirect ?? []).map((i) => i.index.buffer)]

/** Kernels directly within a loop or branch. */
export const innerKernels = (kernel: Kernel): readonly Kernel[] =>
  kernel.kind === 'loop' ? kernel.body : kernel.kind === 'branch' ? [...kernel.then, ...kernel.otherwise] : []

/** Kernels that use the relaxed dot product where it is exact. */
export const dotKernels = (kernels: readonly Kernel[]): TemplateKernel[] =>
  kernels.flatMap((k) => (k.kind !== 'template' ? dotKernels(innerKernels(k)) : k.dot ? [k] : []))

/** Buffers that a template reads, or writes. */
function buffersAs({ template, args }: TemplateKernel, kind: 'reads' | 'writes'): Buffer[] {
  const buffers: Buffer[] = []
  for (const name of argumentsOf(template)[kind]) {
    const a = args[name]
    if (typeof a === 'object' && 'buffer' in a) buffers.push(a.buffer)
  }
  return buffers
}

interface ByRole {
  readonly reads: readonly string[]
  readonly writes: readonly string[]
}

const byRole = new Map<TemplateName, ByRole>()

/** Names of the arguments by which a template reads, and by which it writes, results first. */
function argumentsOf(template: TemplateName): ByRole {
  const known = byRole.get(template)
  if (known) return known
  const all = Object.entries<string>(templates[template].params)
  const as = (...roles: readonly string[]): string[] => all.flatMap(([n, role]) => (roles.includes(role) ? [n] : []))
  const names = { reads: as('in', 'inout', 'aux'), writes: [...as('out', 'inout'), ...as('scratch')] }
  byRole.set(template, names)
  return names
}

/** Buffers that a kernel reads; a write that combines reads as well. */
export function readsOf(kernel: Kernel): Buffer[] {
  if (kernel.kind === 'loop') return [...(kernel.condition ? [kernel.condition] : []), ...kernel.body.flatMap(readsOf)]
  if (kernel.kind === 'branch') return [kernel.condition.buffer, ...innerKernels(kernel).flatMap(readsOf)]
  if (kernel.kind === 'rows') return kernel.nests.flatMap(readsOf)
  if (kernel.kind === 'template') return buffersAs(kernel, 'reads')
  if (kernel.kind === 'scan') return accessBuffers(kernel.read)
  const { reads, post, write, accumulate } = kernel
  const indices = (write.indirect ?? []).map((i) => i.index.buffer)
  const old = accumulate !== undefined ? [write.buffer] : []
  return [...reads.flatMap(accessBuffers), ...post.reads.flatMap(accessBuffers), ...indices, ...old]
}

/** What a kernel writes, its result first. */
export function writesOf(kernel: Kernel): readonly Buffer[] {
  if (kernel.kind === 'rows') return kernel.nests.flatMap(writesOf)
  if (kernel.kind === 'template') return buffersAs(kernel, 'writes')
  if (kernel.kind === 'nest' || kernel.kind === 'scan') return [kernel.write.buffer]
  const own = kernel.kind === 'loop' ? [kernel.index, kernel.count].filter((b) => b !== undefined) : []
  return [...own, ...innerKernels(kernel).flatMap(writesOf)]
}

/** What a kernel reads, then what it writes. */
export const buffersOf = (kernel: Kernel): readonly Buffer[] => [...readsOf(kernel), ...writesOf(kernel)]

/** Whether a template computes products of integers or works for one that does; all others compute in floats. */
export const isIntegerTemplate = (template: TemplateName): boolean =>
  template.startsWith('u8_') || template.startsWith('i8_')

/**
 * Multiply-accumulates of a kernel's templates, or what `of` counts of them; a loop's as often as it may run, once where
 * nothing bounds it.
 */
export function macsOf(kernel: Kernel, of: (template: TemplateKernel) => number = ({ macs }) => macs): number {
  if (kernel.kind === 'template') return of(kernel)
  const inner = innerKernels(kernel).reduce((sum, k) => sum + macsOf(k, of), 0)
  return kernel.kind === 'loop' && kernel.trips < unboundedTrips ? kernel.trips * inner : inner
}
