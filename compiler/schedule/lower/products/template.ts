import { arg, binary, constant, mathOps, parts, substitute, type Expr } from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import { largest, weightSums } from '../../../core/analysis/reassociation.ts'
import { elementCount } from '../../../core/shape.ts'
import type { TensorType } from '../../../core/tensor.ts'
import { channelVector, packVectors } from '../../kernels/channel-vectors.ts'
import { epilogueArguments, planEpilogue, type Epilogue, type EpilogueConstants } from '../../kernels/epilogue.ts'
import type { Pending } from '../lazy.ts'
import {
  constantBytes,
  type Access,
  type Buffer,
  type Post,
  type TemplateAddress,
  type TemplateKernel,
} from '../../program/program.ts'
import type { Scheduler } from '../scheduler.ts'
import type { TemplateName } from '../../templates.generated.ts'

/** What a template call needs to know of where its result goes. Strides are in elements over the result's axes. */
export interface Placement {
  readonly write: Access
  /** The epilogue's second operand, if it has one. */
  readonly aux: Access | undefined
  readonly bias: Buffer
  /** Element of `bias` where the first channel's stands. */
  readonly biasOffset: number
  readonly holes: Readonly<Record<string, Expr>>
  readonly constants: EpilogueConstants
}

export interface TemplateSite {
  readonly type: TensorType
  /** Channels: the extent of the last axis, which must have unit stride where the result is written. */
  readonly channels: number
  /** The template does so many channels at a time, and reads as many floats of the bias. */
  readonly block: number
  /** Groups whose biases are padded apart; 1 where channels are contiguous. */
  readonly groups: number
  /** The largest Σ |w| of a channel's weights; Infinity where it is not known. */
  readonly weights: () => number
  readonly emit: (placement: Placement, nodes: readonly string[]) => void
}

/** What fills a hole that asks for a constant of the site. */
export const flag = (value: boolean): Expr => constant(value ? 1 : 0, 'i32')

export const address = (access: Access, offset = 0): TemplateAddress => ({
  buffer: access.buffer,
  offset: access.offset + offset,
})

/** The address of the epilogue's second operand; where it has none, nothing is read there. */
export const auxAddress = (aux: Access | undefined, offset = 0): TemplateAddress | 0 => (aux ? address(aux, offset) : 0)

/** Where a buffer begins. */
export const start = (buffer: Buffer): TemplateAddress => ({ buffer, offset: 0 })

/** What templates of floats are given of where they read and write; `at` gives the place of one image. */
export const placed = (
  { write, aux, bias, biasOffset, constants }: Placement,
  x: Access,
  weights: TemplateAddress,
  at: <A extends Access | undefined>(access: A) => A = (access) => access,
) => ({
  x: address(at(x)),
  w: weights,
  b: { buffer: bias, offset: biasOffset },
  y: address(at(write)),
  aux: auxAddress(at(aux)),
  ...constants,
})

/** Says of a template that loads `aux` right before it stores an element, once for each, whether that may stand in its place. */
export const replacing = (
  { write, aux }: Pick<Placement, 'write' | 'aux'>,
  { shape }: TensorType,
): Pick<TemplateKernel, 'replaces'> => {
  const same = aux?.offset === write.offset && shape.every((d, i) => d === 1 || aux.strides[i] === write.strides[i])
  return same && aux.buffer !== write.buffer ? { replaces: aux.buffer } : {}
}

/** What a band of pixels may read, in bytes: half of a small second-level cache. */
const bandBytes = 1 << 16

/** The same by bands in the first-level cache: each reads all weights again, which are to be no more than these bytes. */
const smallBand = { bytes: 1 << 14, weights: 1 << 18 }

/** Pixels that a band has at least. */
const leastBand = 24

/** The same where weights are expanded for each band: all of such a cache, so that it pays. */
export const wideBandBytes = 1 << 18

/** Templates of products that go over their pixels in tiles. */
type Igemm = Extract<TemplateName, `${string}_igemm_${string}`>

/** Pixels of a template's tile, as its name tells: 6 of `u8_igemm_dot_6x8`. */
export const tilePixels = (template: Igemm): number => Number(/_(\d+)x\d+$/.exec(template)![1])

/**
 * Pixels whose input stays in cache, where neighbours stand `stride` bytes apart. Whole tiles of the template: in one that goes
 * across the end of its band the template would lose its place.
 */
export function bandOf(template: Igemm, stride: number, bytes = bandBytes): number {
  const tile = tilePixels(template)
  return Math.floor(Math.max(leastBand, bytes / Math.max(4, stride)) / tile) * tile
}

/** The same for floats, by the size of the weights. */
export const floatBandOf = (stride: number, weights: number): number =>
  bandOf('f32_igemm_4x8', stride, weights * 4 > smallBand.weights ? bandBytes : smallBand.bytes)

/** Whether so many mathematical functions are asked for that a loop of their own, with their code inside, is faster. */
const isLongMath = (expr: Expr, { shape }: TensorType): boolean =>
  elementCount(shape) >= 1024 &&
  parts(expr).some((e) => e.kind === 'unary' && (mathOps as readonly string[]).includes(e.op))

/** `TemplateSite.weights` of a product's second operand with its output channels along `axis`. */
export const largestWeights = (weights: Value, axis: number | undefined) => (): number => {
  const sums = axis === undefined ? undefined : weightSums(weights, axis)
  return sums ? largest(sums) : Infinity
}

/** A pending kernel around a template: what its epilogue can't do becomes a nest behind it. */
export function pendingTemplate(s: Scheduler, site: TemplateSite): Pending {
  const { type, channels, groups, block } = site
  const last = type.shape.length - 1
  const writable = (write: Access): boolean =>
    !write.indirect && (channels === 1 || write.strides[last] === 1) && write.buffer.dtype === 'f32'
  return {
    type,
    emit: (post, write, nodes) => {
      const epilogue =
        writable(write) && !isLongMath(post.expr, type) ? planEpilogue(post, channels, site.weights) : undefined
      const bias = epilogue && biasBuffer(s, site, epilogue)
      if (epilogue && bias) {
        const { aux, constants } = epilogue
        const hole = constantBytes(bias.bias) ? epilogue.hole : withPositiveSums(epilogue.hole)
        const holes = { epilogue: hole, ragged: flag((channels / groups) % block !== 0) }
        site.emit({ write, aux, ...bias, holes, constants }, nodes)
        return
      }
      const temporary = writable(write) ? write : s.allocate(type)
      const raw: Post = { expr: arg(0, 'f32'), reads: [] }
      pendingTemplate(s, site).emit(raw, temporary, nodes)
      s.materialize(
        { type: { ...type, dtype: post.expr.dtype }, expr: post.expr, args: [temporary, ...post.reads], nodes },
        write,
      )
    },
  }
}

/** Whether the expression is max(x, 0). */
const isRelu = (e: Expr): boolean =>
  e.kind === 'binary' && e.op === 'max' && [e.a, e.b].some((x) => x.kind === 'const' && x.value === 0)

/** The hole for sums that begin with what may be -0, if that matters to it: `VectorSite.sums` are never -0, nor is one plus zero. */
const withPositiveSums = (hole: Expr): Expr =>
  parts(hole).some(isRelu)
    ? substitute(hole, (index, dtype) =>
        index === epilogueArguments.acc ? binary('add', arg(index, dtype), constant(0, dtype)) : arg(index, dtype),
      )
    : hole

/** The bias as the template reads it: whole blocks of each group, zeros where there is none. */
function biasBuffer(
  s: Scheduler,
  site: TemplateSite,
  { bias }: Epilogue,
): { bias: Buffer; biasOffset: number } | undefined {
  const { channels, block, groups } = site
  const values = bias ? channelVector(bias, channels) : new Float32Array(channels)
  // No sum is -0 (`VectorSite.sums`).
  if (values)
    return { bias: s.constantBuffer('f32', packVectors([values.map((v) => v + 0)], groups, block)), biasOffset: 0 }
  // Read as it stands in memory: only where the padding between groups is empty.
  const whole = groups === 1 || (channels / groups) % block === 0
  return bias && whole ? { bias: bias.buffer, biasOffset: bias.offset } : undefined
}
