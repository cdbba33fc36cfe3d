import { arg } from '../../core/expr.ts'
import { elementCount, rowMajorStrides, walk } from '../../core/shape.ts'
import type { Scheduler } from '../lower/scheduler.ts'
import { constantBytes, type Access, type Buffer } from '../program/program.ts'

/** Where the elements of a packed block come from: the axes before the blocked one, then the blocked axis itself. */
export interface PackSource {
  readonly access: Access
  /** Axes outside the blocks, e.g. groups. */
  readonly outer: { readonly extents: readonly number[]; readonly strides: readonly number[] }
  /** The axis cut into blocks of `width`. */
  readonly blocked: { readonly extent: number; readonly stride: number; readonly width: number }
  /** Axes inside a block, before the blocked elements. */
  readonly inner: { readonly extents: readonly number[]; readonly strides: readonly number[] }
}

/** Elements of the packed form: [outer…][extent / width][inner…][width], the last block padded with zeros. */
export const packedLength = ({ outer, blocked, inner }: PackSource): number =>
  elementCount(outer.extents) * Math.ceil(blocked.extent / blocked.width) * elementCount(inner.extents) * blocked.width

/** Packs at compile time where the source is constant, else by kernels at run time. */
export function pack(s: Scheduler, source: PackSource, nodes: readonly string[]): Buffer {
  return constantBytes(source.access.buffer) ? packConstant(s, source) : packAtRunTime(s, source, nodes)
}

/** Says how a packed form comes of its constant. */
const formOf = ({ access, ...layout }: PackSource): string =>
  JSON.stringify([access.offset, access.strides, layout.outer, layout.blocked, layout.inner])

function packConstant(s: Scheduler, source: PackSource): Buffer {
  return s.formOf(source.access.buffer, `f32 ${formOf(source)}`, () => {
    const bytes = constantBytes(source.access.buffer)!
    const from = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
    const packed = new Float32Array(packedLength(source))
    packInto(packed, from, source)
    return s.constantBuffer('f32', new Uint8Array(packed.buffer))
  })
}

function packInto(packed: Float32Array | Int8Array, from: Float32Array | Int8Array, source: PackSource): void {
  const { access, outer, blocked, inner } = source
  const blocks = Math.ceil(blocked.extent / blocked.width)
  const shape = [...outer.extents, blocks, ...inner.extents, blocked.width]
  const strides = [...outer.strides, blocked.stride * blocked.width, ...inner.strides, blocked.stride]
  let at = 0
  walk(
    shape,
    [strides],
    ([offset], index) => {
      const inside = index[outer.extents.length]! * blocked.width + index[shape.length - 1]! < blocked.extent
      packed[at++] = inside ? from[offset!]! : 0
    },
    [access.offset],
  )
}

/**
 * Packs constant i8. With `half` they are of 4 bits and two rows of a block share bytes: the first in the lower halves, both
 * plus 8; a row without a second shares with zeros.
 */
export const packIntegers = (s: Scheduler, source: PackSource, half: boolean): Buffer =>
  s.formOf(source.access.buffer, `integers ${half} ${formOf(source)}`, () => integers(s, source, half))

function integers(s: Scheduler, source: PackSource, half: boolean): Buffer {
  const elements = new Int8Array(packedLength(source))
  packInto(elements, new Int8Array(new Uint8Array(constantBytes(source.access.buffer)!).buffer), source)
  if (!half) return s.constantBuffer('i8', new Uint8Array(elements.buffer))
  const { width } = source.blocked
  const rows = elementCount(source.inner.extents)
  const pairs = Math.ceil(rows / 2)
  const packed = new Uint8Array((elements.length / rows) * pairs)
  for (let i = 0; i < packed.length; i++) {
    const [block, rest] = [Math.floor(i / (pairs * width)), i % (pairs * width)]
    const row = 2 * Math.floor(rest / width)
    const first = (block * rows + row) * width + (rest % width)
    const second = row + 1 < rows ? elements[first + width]! : 0
    packed[i] = (elements[first]! + 8) | ((second + 8) << 4)
  }
  return s.constantBuffer('u8', packed)
}

/**
 * Packs constant i8, none of them −128, in blocks of eight for `f32_qcw_gemv_1x16`, which says how; with `half` they are of 4
 * bits.
 */
export const packDigits = (s: Scheduler, source: PackSource, half: boolean): Buffer =>
  s.formOf(source.access.buffer, `digits ${half} ${formOf(source)}`, () => digits(s, source, half))

function digits(s: Scheduler, source: PackSource, half: boolean): Buffer {
  const elements = new Int8Array(packedLength(source))
  packInto(elements, new Int8Array(new Uint8Array(constantBytes(source.access.buffer)!).buffer), source)
  const width = 8
  const rows = elementCount(source.inner.extents)
  const rowsAtOnce = half ? 4 : 2
  const steps = Math.ceil(rows / rowsAtOnce)
  const packed = new Int32Array((elements.length / (rows * width)) * steps * 4)
  packed.forEach((_, i) => {
    const [block, step, lane] = [Math.floor(i / (4 * steps)), Math.floor(i / 4) % steps, i % 4]
    const at = (row: number, digit: number): number =>
      row < rows ? elements[(block * rows + row) * width + 2 * digit + (lane & 1)]! : 0
    const row = step * rowsAtOnce + (lane >> 1)
    let sum = 0
    for (let digit = 3; digit >= 0; digit--) {
      const element = half ? (at(row, digit) + 8) | ((at(row + 2, digit) + 8) << 4) : at(row, digit)
      sum = Math.imul(sum, 256) + element
    }
    packed[i] = sum
  })
  return s.constantBuffer('i32', new Uint8Array(packed.buffer))
}

/** The lanes beyond the last block's end stay as they are: nothing that is stored depends on them. */
function packAtRunTime(s: Scheduler, source: PackSource, nodes: readonly string[]): Buffer {
  const { access, outer, blocked, inner } = source
  const buffer = s.newBuffer('f32', packedLength(source))
  const { width } = blocked
  const blocks = Math.ceil(blocked.extent / width)
  const target = rowMajorStrides([...outer.extents, blocks, ...inner.extents, width])
  const from = [...outer.strides, blocked.stride * width, ...inner.strides, blocked.stride]
  const at = outer.extents.length
  const copy = (firstBlock: number, count: number, lanes: number): void => {
    if (count === 0 || lanes === 0) return
    s.emit({
      kind: 'nest',
      extents: [...outer.extents, count, ...inner.extents, lanes],
      reduced: 0,
      body: arg(0, 'f32'),
      reads: [{ buffer: access.buffer, offset: access.offset + firstBlock * from[at]!, strides: from }],
      post: { expr: arg(0, 'f32'), reads: [] },
      write: { buffer, offset: firstBlock * target[at]!, strides: target },
      nodes,
    })
  }
  const whole = Math.floor(blocked.extent / width)
  copy(0, whole, width)
  copy(whole, blocks - whole, blocked.extent % width)
  return buffer
}
