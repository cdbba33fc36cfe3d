import { constantOf } from '../../../core/evaluate.ts'
import { channelScales } from '../../../core/analysis/dequantized.ts'
import { arg, convert } from '../../../core/scalar/expr.ts'
import * as f from '../../../core/scalar/formula.ts'
import type { Value } from '../../../core/graph.ts'
import { elementCount } from '../../../core/shape.ts'
import { toNumbers } from '../../../core/tensor.ts'
import { contiguous } from '../../program/access.ts'
import { call } from '../../program/call.ts'
import { packVectors } from '../../kernels/channel-vectors.ts'
import { packDigits, packedLength, packIntegers, packNibbles, type PackSource } from '../../kernels/pack.ts'
import type { Access, Buffer } from '../../program/program.ts'
import { prefersGemv as floatsPreferGemv } from '../../kernels/choice.ts'
import type { Scheduler } from '../scheduler.ts'
import { flag, start } from './template.ts'

/** More rows repay expanding weights once for four of them. */
const mostGemvRows = 2

/** Constant weights of a product that are integers in memory, which its kernel makes floats of. */
export interface QuantizedWeights {
  /** The integers less their zero point as i8. What is packed of them is in memory; this is not. */
  readonly access: Access
  /** Whether 4 bits hold them. */
  readonly half: boolean
  /** Whether so many rows are faster, and possible, by the gemv. */
  readonly suitGemv: (M: number) => boolean
  /** For each output channel. */
  readonly scales: readonly number[]
}

/** The integers that `value` dequantizes where one scale is for all of an output channel, which are along `axis`. */
export function quantizedWeights(s: Scheduler, value: Value, axis: number): QuantizedWeights | undefined {
  const stored = s.dequantizedOf(value)
  const known = stored && constantOf(stored.q)
  const scales = known && channelScales(stored, axis, value.type.shape[axis]!)
  if (!scales) return undefined
  const half = known.dtype === 'i4' || known.dtype === 'u4'
  const integers = toNumbers(known).map((q) => q - stored.zero)
  const [low, high] = half ? [-8, 7] : [-128, 127]
  if (integers.some((q) => q < low || q > high)) return undefined
  const buffer = s.constantBuffer('i8', new Uint8Array(Int8Array.from(integers).buffer))
  // The sums of `f32_qcw_gemv_1x16` have no room for −128.
  const suits = integers.includes(-128) ? () => false : (M: number) => M <= mostGemvRows
  return { access: contiguous(buffer, value.type.shape), half, suitGemv: suits, scales }
}

/** Whether a product [M, K] · [K, N] is done by the gemv, which takes quantized weights in a form of its own. */
export const prefersGemv = (
  s: Scheduler,
  stored: QuantizedWeights | undefined,
  M: number,
  N: number,
  K: number,
): boolean => (stored ? s.decision(stored.access.buffer, 'gemv', () => stored.suitGemv(M)) : floatsPreferGemv(M, N, K))

/** The same packed as a template reads it. */
export interface PackedWeights {
  readonly weights: Buffer
  /** Bytes of a group's weights. */
  readonly groupBytes: number
  /** [group][channels rounded up to whole blocks]. */
  readonly scales: Buffer
  readonly half: boolean
  /** Rows of a block, of as many elements as it is wide. */
  readonly rows: number
}

const scaleBuffer = (s: Scheduler, scales: readonly number[], groups: number, width: number): Buffer =>
  s.constantBuffer('f32', packVectors([Float32Array.from(scales)], groups, width))

/** What the gemv's sums are times the weights'. */
const gemvUnit = 2 ** -24

/** `source` goes over the weights' access. */
export function packQuantized(
  s: Scheduler,
  { half, scales }: QuantizedWeights,
  source: PackSource,
  forGemv: boolean,
): PackedWeights {
  const weights = forGemv ? packDigits(s, source, half) : half ? packNibbles(s, source) : packIntegers(s, source, 1)
  const units = forGemv ? scales.map((scale) => scale * gemvUnit) : scales
  const groups = elementCount(source.outer.extents)
  return {
    weights,
    groupBytes: weights.length / groups,
    scales: scaleBuffer(s, units, groups, source.channels.width),
    half,
    rows: elementCount(source.run.extents),
  }
}

/** All weights as floats in memory, packed in blocks of eight. */
export function expandWeights(s: Scheduler, p: PackedWeights, nodes: readonly string[]): Buffer {
  const blocks = p.scales.length / 8
  const to = s.newBuffer('f32', (blocks * p.rows + (p.rows % 2)) * 8)
  const args = { w: start(p.weights), scales: start(p.scales), to: start(to), blocks, rows: p.rows }
  s.emit(call('f32_qcw_expand', args, { holes: { packed: flag(p.half) }, nodes }))
  return to
}

/** The same as a loop, for blocks of any width of bytes: depthwise weights are few. */
export function dequantizePacked(
  s: Scheduler,
  { access, scales }: QuantizedWeights,
  source: PackSource,
  nodes: readonly string[],
): Buffer {
  const { width } = source.channels
  const packed = packIntegers(s, { ...source, access }, 1)
  const factors = scaleBuffer(s, scales, 1, width)
  const rows = elementCount(source.run.extents)
  const to = s.newBuffer('f32', packedLength(source))
  const strides = [rows * width, width, 1]
  s.emit({
    kind: 'nest',
    extents: [factors.length / width, rows, width],
    reduced: 0,
    body: f.mul(convert(arg(0, 'i8'), 'f32'), arg(1, 'f32')),
    reads: [
      { buffer: packed, offset: 0, strides },
      { buffer: factors, offset: 0, strides: [width, 0, 1] },
    ],
    post: { expr: arg(0, 'f32'), reads: [] },
    write: { buffer: to, offset: 0, strides },
    nodes,
  })
  return to
}
