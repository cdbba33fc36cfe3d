import { arg } from '../../core/scalar/expr.ts'
import { elementCount, rowMajorStrides } from '../../core/shape.ts'
import type { Scheduler } from '../lower/scheduler.ts'
import { nameOfForm, packTurned, type ConstantMatrix } from './turned.ts'
import { constantBytes, type Access, type Buffer } from '../program/program.ts'

/** Axes of a buffer: how long, and how many elements apart. */
export interface Axes {
  readonly extents: readonly number[]
  readonly strides: readonly number[]
}

export const noAxes: Axes = { extents: [], strides: [] }

/**
 * How templates read what they have of each output channel, weights and others:
 *
 *     [outer…][channels / width][inner…][run / depth][width][depth]
 *
 * padded with zeros to whole blocks of channels and whole steps of the run. Each template has its `depth`. Strides are those of
 * the source.
 */
export interface Layout {
  /** Axes outside the blocks, e.g. groups. */
  readonly outer: Axes
  /** The axis cut into blocks of `width`, and how many of these come together (one, unless given). */
  readonly channels: {
    readonly extent: number
    readonly stride: number
    readonly width: number
    readonly together?: number
  }
  /** Axes inside a block, outside the run. */
  readonly inner: Axes
  /** Axes walked as one. */
  readonly run: Axes
}

/** What is packed. */
export interface PackSource extends Layout {
  readonly access: Access
}

function countBlocks({ extent, width, together = 1 }: Layout['channels']): number {
  return Math.ceil(extent / (width * together)) * together
}

/** Elements of the packed form of one index of the outer axes. */
export const packedGroup = ({ channels, inner, run }: Layout, depth = 1): number =>
  countBlocks(channels) *
  channels.width *
  elementCount(inner.extents) *
  Math.ceil(elementCount(run.extents) / depth) *
  depth

/** Elements of the packed form. */
export const packedLength = (layout: Layout, depth = 1): number =>
  elementCount(layout.outer.extents) * packedGroup(layout, depth)

/** Where each index of `axes` stands, in row-major order. */
const offsetsOf = ({ extents, strides }: Axes, base = 0): readonly number[] =>
  extents.reduce<readonly number[]>(
    (offsets, extent, axis) =>
      offsets.flatMap((at) => Array.from({ length: extent }, (_, i) => at + i * strides[axis]!)),
    [base],
  )

/** Puts into `packed`, of `packedLength` zeros, what stands in `from` from `offset` on. */
export function packInto<T extends Float32Array | Int32Array | Int8Array>(
  packed: T,
  from: T,
  layout: Layout,
  depth = 1,
  offset = 0,
): T {
  const { extent, stride, width } = layout.channels
  const blocks = countBlocks(layout.channels)
  const inner = offsetsOf(layout.inner)
  const run = offsetsOf(layout.run)
  let at = 0
  for (const group of offsetsOf(layout.outer, offset)) {
    for (let first = 0; first < blocks * width; first += width) {
      for (const place of inner) {
        for (let step = 0; step < run.length; step += depth) {
          for (let channel = first; channel < first + width; channel++) {
            for (let k = step; k < step + depth; k++, at++) {
              if (channel < extent && k < run.length) packed[at] = from[group + place + channel * stride + run[k]!]!
            }
          }
        }
      }
    }
  }
  return packed
}

/** Packs f32 at compile time where the source is constant, else by kernels at run time. */
export function pack(s: Scheduler, source: PackSource, nodes: readonly string[]): Buffer {
  return constantBytes(source.access.buffer) ? packConstant(s, source) : packAtRunTime(s, source, nodes)
}

/** Says how a packed form comes of its constant. */
export const formOf = ({ access: { offset, strides }, outer, channels, inner, run }: PackSource): string =>
  JSON.stringify([offset, strides, outer, channels, inner, run])

/** The source as a matrix, if it is no more than that. */
function matrixOf({ access, outer, channels, inner, run }: PackSource): ConstantMatrix | undefined {
  const { extent, stride, width, together = 1 } = channels
  const [length, step] = [run.extents[0], run.strides[0]]
  const plain = elementCount([...outer.extents, ...inner.extents]) === 1 && run.extents.length === 1
  if (!plain || width !== 8 || together !== 1 || length === undefined || step === undefined) return undefined
  const { buffer, offset } = access
  return { buffer, offset, channels: { extent, stride }, terms: { extent: length, stride: step } }
}

function packConstant(s: Scheduler, source: PackSource): Buffer {
  const { buffer, offset } = source.access
  return s.formOf(buffer, `f32 ${formOf(source)}`, () => {
    const matrix = matrixOf(source)
    const turned = matrix && packTurned(s, matrix)
    if (turned) return turned
    const bytes = constantBytes(buffer)!
    const from = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
    const packed = packInto(new Float32Array(packedLength(source)), from, source, 1, offset)
    const made = s.constantBuffer('f32', new Uint8Array(packed.buffer))
    if (matrix) s.formOf(buffer, nameOfForm(matrix), () => made)
    return made
  })
}

function integersOf({ buffer }: Access): Int8Array {
  const bytes = constantBytes(buffer)!
  return new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

const packedIntegers = (source: PackSource, depth: number): Int8Array =>
  packInto(new Int8Array(packedLength(source, depth)), integersOf(source.access), source, depth, source.access.offset)

/** Packs constant i8. */
export const packIntegers = (s: Scheduler, source: PackSource, depth: number): Buffer =>
  s.formOf(source.access.buffer, `integers ${depth} ${formOf(source)}`, () =>
    s.constantBuffer('i8', new Uint8Array(packedIntegers(source, depth).buffer)),
  )

/** Packs constant i8 of 4 bits with depth 2: the two of a step share a byte, the first in the lower half, both plus 8. */
export const packNibbles = (s: Scheduler, source: PackSource): Buffer =>
  s.formOf(source.access.buffer, `nibbles ${formOf(source)}`, () => {
    const elements = packedIntegers(source, 2)
    const packed = new Uint8Array(elements.length / 2)
    for (let i = 0; i < packed.length; i++) packed[i] = (elements[2 * i]! + 8) | ((elements[2 * i + 1]! + 8) << 4)
    return s.constantBuffer('u8', packed)
  })

/**
 * Packs constant i8, none of them −128, in blocks of eight for `f32_qcw_gemv_1x16`, which says how; with `half` they are of 4
 * bits.
 */
export const packDigits = (s: Scheduler, source: PackSource, half: boolean): Buffer =>
  s.formOf(source.access.buffer, `digits ${half} ${formOf(source)}`, () => digits(s, source, half))

function digits(s: Scheduler, source: PackSource, half: boolean): Buffer {
  const depth = half ? 4 : 2
  const elements = packedIntegers(source, depth)
  const packed = new Int32Array(elements.length / (2 * depth))
  packed.forEach((_, i) => {
    const [step, row, parity] = [i >> 2, (i >> 1) & 1, i & 1]
    let sum = 0
    for (let digit = 3; digit >= 0; digit--) {
      const at = (8 * step + 2 * digit + parity) * depth + row
      sum = Math.imul(sum, 256) + (half ? (elements[at]! + 8) | ((elements[at + 2]! + 8) << 4) : elements[at]!)
    }
    packed[i] = sum
  })
  return s.constantBuffer('i32', new Uint8Array(packed.buffer))
}

/** Of each output channel of constant i8 weights, Σ w, and the largest Σ |w| of any. */
export function channelSums(source: PackSource): { readonly sums: readonly number[]; readonly most: number } {
  const { access, outer, channels, inner, run } = source
  const from = integersOf(access)
  const taps = offsetsOf(inner).flatMap((place) => offsetsOf(run, place))
  let most = 0
  const sums = offsetsOf(outer, access.offset).flatMap((group) =>
    Array.from({ length: channels.extent }, (_, channel) => {
      let [sum, magnitude] = [0, 0]
      for (const tap of taps) {
        const w = from[group + channel * channels.stride + tap]!
        sum += w
        magnitude += Math.abs(w)
      }
      most = Math.max(most, magnitude)
      return sum
    }),
  )
  return { sums, most }
}

/** The channels beyond the last block's end stay as they are: nothing that is stored depends on them. */
function packAtRunTime(s: Scheduler, source: PackSource, nodes: readonly string[]): Buffer {
  const { access, outer, channels, inner, run } = source
  const { extent, stride, width } = channels
  const buffer = s.newBuffer('f32', packedLength(source))
  const blocks = countBlocks(channels)
  const target = rowMajorStrides([...outer.extents, blocks, ...inner.extents, ...run.extents, width])
  const from = [...outer.strides, stride * width, ...inner.strides, ...run.strides, stride]
  const at = outer.extents.length
  const copy = (firstBlock: number, count: number, lanes: number): void => {
    if (count === 0 || lanes === 0) return
    s.emit({
      kind: 'nest',
      extents: [...outer.extents, count, ...inner.extents, ...run.extents, lanes],
      reduced: 0,
      body: arg(0, 'f32'),
      reads: [{ buffer: access.buffer, offset: access.offset + firstBlock * from[at]!, strides: from }],
      post: { expr: arg(0, 'f32'), reads: [] },
      write: { buffer, offset: firstBlock * target[at]!, strides: target },
      nodes,
    })
  }
  const whole = Math.floor(extent / width)
  copy(0, whole, width)
  copy(whole, blocks - whole, extent % width)
  return buffer
}
