import type { OpContext, Operator } from '../../context.ts'
import { range } from '../../shared/axes.ts'
import * as f from '../../../core/scalar/formula.ts'

/** The first `sequence_lens[b]` steps of sequence b come in reverse order. */
export const reverseSequence: Operator = {
  floats: 'moved',
  lower: (c: OpContext) => {
    const { b } = c
    const x = c.input(0)
    const time = c.int('time_axis', 0)
    const batch = c.int('batch_axis', 1)
    const rank = x.type.shape.length
    c.check(time + batch === 1 && rank >= 2, `time axis ${time} and batch axis ${batch} of rank ${rank}`)
    const perm = [batch, time, ...range(2, rank)]
    const sequences = b.transpose(x, perm)
    const { shape } = sequences.type
    const lengths = c.input(1)
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
    return [b.transpose(reversed, perm)]
  },
}
