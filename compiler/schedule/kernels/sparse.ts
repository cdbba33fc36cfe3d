import type { DType } from '../../core/scalar/dtype.ts'
import { elementCount } from '../../core/shape.ts'
import { storedBytes } from '../../core/bytes/zero-runs.ts'
import { constantBytes, type Buffer } from '../program/program.ts'
import type { Scheduler } from '../lower/scheduler.ts'
import { formOf, packedLength, packInto, type PackSource } from './pack.ts'

/** Output channels that share their input rows: a block of four, or one by itself. */
export const sparseWidths = [4, 1] as const
export type SparseWidth = (typeof sparseWidths)[number]

/** Channels that sparse templates finish together: lists are padded to so many. */
export const sparseBlock = 4

/** Weights as lists of those that are not zero; an entry is a weight of each channel of a block. */
export interface SparseForm {
  readonly width: SparseWidth
  /** [entry][width], blocks one after the other; of integers, which are of whole pairs, [pair][width][2]. */
  readonly values: Float32Array | Int8Array
  /** Of each entry, the rows from the one before in its block, or from the first row. */
  readonly deltas: Uint8Array
  /** Entries of each block. */
  readonly counts: Uint16Array
  readonly bytes: number
}

/** A form in memory, as `f32_spmm_8x4` reads it. */
export interface SparseBuffers {
  readonly values: Buffer
  readonly deltas: Buffer
  readonly counts: Buffer
}

/** How far an entry can stand beyond the one before; entries of zeros bridge longer gaps. */
const mostDelta = 255

/** What `counts` holds. */
const mostEntries = 0xffff

/** Weights with fewer zeros gain nothing in any form: looking for them costs compile time. */
const leastShare = 0.2

/** Calls `each` with the place and distance of every entry of a block of `rows` rows. */
function entriesOf(
  block: Float32Array | Int8Array,
  width: SparseWidth,
  each: (row: number, delta: number) => void,
): void {
  let last = 0
  for (let row = 0; row * width < block.length; row++) {
    if (block.subarray(row * width, (row + 1) * width).every((w) => w === 0)) continue
    for (; row - last > mostDelta; last += mostDelta) each(last + mostDelta, mostDelta)
    each(row, row - last)
    last = row
  }
}

function formOfWidth<T extends Float32Array | Int8Array>(
  source: PackSource,
  from: T,
  width: SparseWidth,
  make: (values: number | readonly number[]) => T,
): SparseForm | undefined {
  const { extent, stride } = source.channels
  const layout = { ...source, channels: { extent, stride, width } }
  const packed = packInto(make(packedLength(layout)), from, layout, 1, source.access.offset)
  const size = elementCount([...source.inner.extents, ...source.run.extents]) * width
  const paired = from instanceof Int8Array
  const counts = new Uint16Array(Math.ceil(extent / sparseBlock) * (sparseBlock / width))
  const [values, deltas]: [number[], number[]] = [[], []]
  for (let at = 0, i = 0; at < packed.length; at += size, i++) {
    const block = packed.subarray(at, at + size)
    const before = deltas.length
    entriesOf(block, width, (row, delta) => {
      deltas.push(delta)
      for (let j = row * width; j < (row + 1) * width; j++) values.push(block[j]!)
    })
    if (paired && (deltas.length - before) % 2 === 1) {
      deltas.push(0)
      values.push(...new Array<number>(width).fill(0))
    }
    if (deltas.length - before > mostEntries) return undefined
    counts[i] = deltas.length - before
  }
  const stored = make(paired ? values.map((_, i) => values[beside(i, width)]!) : values)
  const bytes = stored.byteLength + deltas.length + counts.byteLength
  return { width, values: stored, deltas: Uint8Array.from(deltas), counts, bytes }
}

/** Where in [entry][width] element `i` of [pair][width][2] stands. */
function beside(i: number, width: number): number {
  const pair = Math.floor(i / (2 * width))
  return (2 * pair + (i % 2)) * width + Math.floor((i % (2 * width)) / 2)
}

const floats = (values: number | readonly number[]): Float32Array =>
  typeof values === 'number' ? new Float32Array(values) : Float32Array.from(values)
const integers = (values: number | readonly number[]): Int8Array =>
  typeof values === 'number' ? new Int8Array(values) : Int8Array.from(values)

const hasZeros = (weights: Float32Array | Int8Array): boolean => {
  let zeros = 0
  for (const w of weights) if (w === 0) zeros++
  return zeros >= leastShare * weights.length
}

/** The form in blocks of four of constant i8 weights with zeros among them; undefined for weights of several groups. */
export function sparseIntegers(source: PackSource): SparseForm | undefined {
  const bytes = constantBytes(source.access.buffer)
  if (!bytes || elementCount(source.outer.extents) !== 1) return undefined
  const from = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return hasZeros(from) ? formOfWidth(source, from, 4, integers) : undefined
}

/** The forms of constant f32 weights with zeros among them; none where the weights are not known, or of several groups. */
export function sparseForms(source: PackSource): readonly SparseForm[] {
  const bytes = constantBytes(source.access.buffer)
  if (!bytes || source.inner.extents.length > 0 || elementCount(source.outer.extents) !== 1) return []
  const from = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
  return hasZeros(from) ? sparseWidths.flatMap((width) => formOfWidth(source, from, width, floats) ?? []) : []
}

/** Bytes of the same weights with their zeros, of which long runs cost nothing in the module. */
export function denseBytes(source: PackSource): number {
  const bytes = constantBytes(source.access.buffer)!
  const from = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
  const packed = packInto(new Float32Array(packedLength(source)), from, source, 1, source.access.offset)
  return storedBytes(new Uint8Array(packed.buffer))
}

/** The form in memory. */
export function packSparse(s: Scheduler, source: PackSource, form: SparseForm): SparseBuffers {
  const known = `sparse ${form.width} ${formOf(source)}`
  const part = (name: 'values' | 'deltas' | 'counts', dtype: DType): Buffer =>
    s.formOf(source.access.buffer, `${name} ${known}`, () => s.constantBuffer(dtype, new Uint8Array(form[name].buffer)))
  return {
    values: part('values', form.values instanceof Int8Array ? 'i8' : 'f32'),
    deltas: part('deltas', 'u8'),
    counts: part('counts', 'u16'),
  }
}
