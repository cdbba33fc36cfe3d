import { identityOf } from '../../../../core/ops/reductions/reduce.ts'
import { computeType } from '../../kernels.ts'
import { emitBinary } from '../../scalar/binary.ts'
import type { Emitter } from '../../emitter.ts'
import type { Edge } from '../../graph.ts'
import type { CumulateAttrs } from '../../../../core/ops/reductions/cumulate.ts'
import type { Rule } from '../rule.ts'

export const cumulate: Rule<'cumulate'> = (e, { attrs }, [x]) => {
  const { kind, axis, exclusive, reverse } = attrs
  const { dtype, shape } = x!.type
  if (kind !== 'add') return [doubled(e, x!, attrs)]
  const as = computeType('CumSum', dtype)
  const attributes = { ...(exclusive && { exclusive: 1 }), ...(reverse && { reverse: 1 }) }
  const sums = e.node('CumSum', [e.cast(x!, as), e.scalar(axis, 'i64')], { dtype: as, shape }, attributes)
  return [e.cast(sums, dtype)]
}

/** Each element with the one 1, 2, 4 … before it (Hillis and Steele, 1986): ONNX has no other running reduction. */
function doubled(e: Emitter, x: Edge, { kind, axis, exclusive, reverse }: CumulateAttrs): Edge {
  const length = x.type.shape[axis]!
  const identity = e.scalar(identityOf(kind, x.type.dtype), x.type.dtype)
  const along = (n: number): number[] => x.type.shape.map((_, i) => (i === axis ? n : 0))
  const shifted = (y: Edge, by: number): Edge => {
    const kept = e.sliceAxis(y, axis, reverse ? by : 0, length - by)
    return reverse ? e.pad(kept, identity, along(0), along(by)) : e.pad(kept, identity, along(by), along(0))
  }
  let y = exclusive && length > 0 ? shifted(x, 1) : x
  for (let by = 1; by < length; by *= 2) y = emitBinary(e, kind, shifted(y, by), y)
  return y
}
