import type { Builder } from '../../core/builder.ts'
import type { Value } from '../../core/graph.ts'
import { range } from './axes.ts'
import * as f from '../../core/scalar/formula.ts'

/** `x` with the first `lengths[b]` steps of sequence b in reverse order; axes `time` and `batch` are the first two, in any order. */
export function reverseSequences(b: Builder, x: Value, lengths: Value, time = 0): Value {
  const batch = 1 - time
  const rank = x.type.shape.length
  const perm = [batch, time, ...range(2, rank)]
  const sequences = b.transpose(x, perm)
  const { shape } = sequences.type
  const step = b.iota(lengths.type.dtype, [shape[1]!], 0)
  const from = b.map([b.reshape(lengths, [shape[0]!, 1]), step], (n, t) =>
    f.select(f.lt(t!, n!), f.sub(f.sub(n!, t!), 1), t!),
  )
  const reversed = b.gather(sequences, from, {
    offsetDims: range(2, rank),
    collapsedSliceDims: [1],
    operandBatchingDims: [0],
    startIndicesBatchingDims: [0],
    startIndexMap: [1],
    indexVectorDim: 2,
    sliceSizes: shape.map((d, i) => (i < 2 ? 1 : d)),
  })
  // A swap of the first two axes, or nothing, is its own inverse.
  return b.transpose(reversed, perm)
}
