import { byteSize } from '../../../core/scalar/dtype.ts'
import { arg, type Expr } from '../../../core/scalar/expr.ts'
import type { TensorType } from '../../../core/tensor.ts'
import { channelVector, packVectors } from '../../kernels/channel-vectors.ts'
import { isPerPixel, planIntegerEpilogue, type IntegerEpilogue } from '../../kernels/integer-epilogue.ts'
import type { Pending } from '../lazy.ts'
import type { Access, Buffer } from '../../program/program.ts'
import type { Scheduler } from '../scheduler.ts'
import { flag } from './template.ts'

/** What a call of an integer template needs to know of its result and of what finishes its sums. */
export interface IntegerPlacement {
  readonly write: Access
  /** The hole's second operand, if it has one. */
  readonly aux: Access | undefined
  /** Bytes from one channel to the next in `aux`. */
  readonly element: number
  readonly bias: Buffer
  readonly vectors: Buffer
  /** Bytes of `vectors` for every four channels. */
  readonly vectorBytes: number
  readonly table: Buffer
  readonly holes: Readonly<Record<string, Expr>>
}

export interface IntegerSite {
  /** Of the sums: i32. */
  readonly type: TensorType
  /** Channels: the extent of the last axis, which must have unit stride where the result is written. */
  readonly channels: number
  /** Groups whose biases and vectors are padded apart to blocks of eight channels. */
  readonly groups: number
  /** Of the activations. */
  readonly dtype: 'i8' | 'u8'
  /** Σ of the weights of each output channel. */
  readonly sums: readonly number[]
  /** The largest Σ of the weights' magnitudes of an output channel. */
  readonly most: number
  readonly emit: (placement: IntegerPlacement, nodes: readonly string[]) => void
}

/** A pending kernel around an integer template: what its epilogue can't do becomes a nest behind it. */
export function pendingInteger(s: Scheduler, site: IntegerSite): Pending {
  const { type, channels } = site
  const last = type.shape.length - 1
  const writable = (write: Access): boolean =>
    !write.indirect &&
    (channels === 1 || write.strides[last] === 1) &&
    ['i8', 'u8', 'i32', 'f32'].includes(write.buffer.dtype)
  const emit: Pending['emit'] = (post, write, nodes) => {
    const epilogue = writable(write) ? planIntegerEpilogue(post, channels, 255 * site.most) : undefined
    if (!epilogue) {
      const temporary = s.allocate(type)
      emit({ expr: arg(0, type.dtype), reads: [] }, temporary, nodes)
      const { dtype } = post.expr
      s.materialize({ type: { ...type, dtype }, expr: post.expr, args: [temporary, ...post.reads], nodes }, write)
      return
    }
    const { dtype } = write.buffer
    const holes = {
      requantize: epilogue.hole,
      wide: flag(byteSize(dtype) === 4),
      signed: flag(dtype === 'i8'),
      signed_input: flag(site.dtype === 'i8'),
      ragged: flag((channels / site.groups) % 8 !== 0),
    }
    const vectors = vectorBuffer(s, site, epilogue)
    const vectorBytes = epilogue.vectors.length * 16
    const bias = biasBuffer(s, site, epilogue)
    const { aux } = epilogue
    const element = !aux || isPerPixel(aux) ? 0 : byteSize(aux.buffer.dtype)
    site.emit({ write, aux, element, bias, vectors, vectorBytes, table: tableBuffer(s, epilogue), holes }, nodes)
  }
  return { type, emit }
}

const blockChannels = 8

/** [group][channels / 8][2][8]: what sums start from, for activations as they are and with their highest bit flipped. */
function biasBuffer(s: Scheduler, { channels, groups, dtype, sums }: IntegerSite, { bias }: IntegerEpilogue): Buffer {
  const values = bias ? channelVector(bias, channels)! : new Int32Array(channels)
  const perWeight = dtype === 'u8' ? 128 : -128
  const flipped = Int32Array.from(values, (value, c) => value + perWeight * sums[c]!)
  return s.constantBuffer('i32', packVectors([values, flipped], groups, blockChannels))
}

/** [group][channels / 4][vector][4], in whole blocks of channels. */
function vectorBuffer(s: Scheduler, { channels, groups }: IntegerSite, { vectors }: IntegerEpilogue): Buffer {
  if (vectors.length === 0) return s.constantBuffer('i32', new Uint8Array(4))
  const values = vectors.map((access) => channelVector(access, channels)!)
  return s.constantBuffer('i32', packVectors(values, groups, 4, blockChannels / 4))
}

function tableBuffer(s: Scheduler, { table }: IntegerEpilogue): Buffer {
  const data = new DataView(new ArrayBuffer(Math.max(4, table.length * 4)))
  table.forEach(({ value, dtype }, i) =>
    dtype === 'f32' ? data.setFloat32(i * 4, value, true) : data.setInt32(i * 4, value, true),
  )
  return s.constantBuffer('i32', new Uint8Array(data.buffer))
}
