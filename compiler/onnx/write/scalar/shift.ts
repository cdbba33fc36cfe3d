/** Shifts: BitShift is of unsigned integers, by less than their width. */
import { byteSize, isSigned, type DType } from '../../../core/scalar/dtype.ts'
import { reader } from '../../../core/tensor.ts'
import type { Emitter } from '../emitter.ts'
import { storedIn, type Edge } from '../graph.ts'

const unsignedOf = (dtype: DType): DType => (byteSize(dtype) === 8 ? 'u64' : 'u32')

/** The distance, 0 where it is not within the width, and where it is; undefined if it always is. */
function within(e: Emitter, by: Edge): { distance: Edge; fits: Edge | undefined } {
  const { dtype } = by.type
  const width = 8 * byteSize(dtype)
  const tensor = storedIn(by)
  const isFine = (value: number): boolean => value >= 0 && value < width
  if (tensor) {
    const read = reader(tensor)
    if (Array.from({ length: tensor.data.length }, (_, i) => Number(read(i))).every(isFine))
      return { distance: by, fits: undefined }
  }
  const below = e.elementwise('Less', [by, e.scalar(width, dtype)], 'bool')
  const positive = e.elementwise('GreaterOrEqual', [by, e.scalar(0, dtype)], 'bool')
  const fits = isSigned(dtype) ? e.elementwise('And', [below, positive]) : below
  return { distance: e.where(fits, by, e.scalar(0, dtype)), fits }
}

/** `x` moved by a distance that fits. */
function moved(e: Emitter, x: Edge, distance: Edge, direction: 'LEFT' | 'RIGHT'): Edge {
  const wide = unsignedOf(x.type.dtype)
  const operands = [e.cast(x, wide), e.cast(distance, wide)]
  return e.cast(e.elementwise('BitShift', operands, undefined, { direction }), x.type.dtype)
}

function shift(e: Emitter, by: Edge, move: (distance: Edge) => Edge): Edge {
  const { distance, fits } = within(e, by)
  const result = move(distance)
  return fits ? e.where(fits, result, e.scalar(0, by.type.dtype)) : result
}

export const shiftLeft = (e: Emitter, x: Edge, by: Edge): Edge =>
  shift(e, by, (distance) => moved(e, x, distance, 'LEFT'))

/** Of signed integers the sign comes in from the left: what is negative is moved with its bits the other way round. */
export function shiftRight(e: Emitter, x: Edge, by: Edge): Edge {
  const { dtype } = x.type
  if (!isSigned(dtype)) return shift(e, by, (distance) => moved(e, x, distance, 'RIGHT'))
  const negative = e.elementwise('Less', [x, e.scalar(0, dtype)], 'bool')
  const flipped = (y: Edge): Edge => e.where(negative, e.elementwise('BitwiseNot', [y]), y)
  return shift(e, by, (distance) => flipped(moved(e, flipped(x), distance, 'RIGHT')))
}
