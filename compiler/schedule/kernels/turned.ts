import { arg } from '../../core/scalar/expr.ts'
import type { Scheduler } from '../lower/scheduler.ts'
import type { Buffer } from '../program/program.ts'

/*
 * A matrix that products multiply by both ways round is packed twice. The module has it in one of the forms, of which it makes the
 * other when it starts: what is downloaded is half.
 */

/** Smaller ones are not worth the code. */
const smallestMatrix = 1 << 10

/** A constant matrix by output channels and the terms of their sums; strides are in elements of `buffer`. */
export interface ConstantMatrix {
  readonly buffer: Buffer
  readonly offset: number
  readonly channels: { readonly extent: number; readonly stride: number }
  readonly terms: { readonly extent: number; readonly stride: number }
}

/** Under which name the packed form of a matrix is known to its product turned round. */
export const nameOfForm = ({ offset, channels, terms }: Omit<ConstantMatrix, 'buffer'>): string =>
  `matrix ${offset} ${channels.extent} ${channels.stride} ${terms.extent} ${terms.stride}`

/** The form in blocks of eight channels, made at the start of that of the matrix turned round; undefined where the module lacks that. */
export function packTurned(s: Scheduler, { buffer, offset, channels, terms }: ConstantMatrix): Buffer | undefined {
  const [count, depth] = [channels.extent, terms.extent]
  if (count * depth < smallestMatrix) return undefined
  const other = s.knownForm(buffer, nameOfForm({ offset, channels: terms, terms: channels }))
  if (!other) return undefined
  const result = s.preparedBuffer('f32', Math.ceil(count / 8) * 8 * depth)
  /** Blocks of eight, and what is left. */
  const parts = (all: number) =>
    [
      { first: 0, blocks: Math.floor(all / 8), lanes: 8 },
      { first: all - (all % 8), blocks: 1, lanes: all % 8 },
    ].filter(({ blocks, lanes }) => blocks * lanes > 0)
  for (const own of parts(count)) {
    for (const far of parts(depth)) {
      s.prepared.push({
        kind: 'nest',
        extents: [own.blocks, far.blocks, far.lanes, own.lanes],
        reduced: 0,
        body: arg(0, 'f32'),
        reads: [{ buffer: other, offset: far.first * count + own.first * 8, strides: [64, 8 * count, 1, 8] }],
        post: { expr: arg(0, 'f32'), reads: [] },
        write: { buffer: result, offset: own.first * depth + far.first * 8, strides: [8 * depth, 64, 8, 1] },
        nodes: [],
      })
    }
  }
  return result
}
