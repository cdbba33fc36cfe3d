import { byteSize, type DType } from '../core/scalar/dtype.ts'
import type { Access } from '../schedule/program/program.ts'

/** A memory stream: a pointer that the loops move. */
export interface Stream {
  readonly access: Access
  readonly dtype: DType
  readonly bytes: number
  /** Parameter that holds the address of the current element. */
  readonly pointer: number
  /** Bytes per iteration of each loop. */
  readonly strides: readonly number[]
  readonly indices: readonly { readonly stream: Stream; readonly scale: number; readonly limit: number }[]
}

/** Streams of a nest with so many loops, in the order of their pointers' parameters: that of each index follows its stream's. */
export class Streams {
  readonly all: Stream[] = []
  private readonly loops: number
  private next = 0

  constructor(loops: number) {
    this.loops = loops
  }

  of(access: Access, dtype = access.buffer.dtype): Stream {
    const pointer = this.next++
    const bytes = byteSize(dtype)
    const indices = (access.indirect ?? []).map(({ index, dtype: as, scale, limit }) => ({
      stream: this.of(index, as),
      scale: scale * bytes,
      limit,
    }))
    const strides = Array.from({ length: this.loops }, (_, i) => (access.strides[i] ?? 0) * bytes)
    const made = { access, dtype, bytes, pointer, strides, indices }
    this.all.push(made)
    return made
  }
}
