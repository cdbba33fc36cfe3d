import type { OpContext, Operator } from '../../context.ts'
import { reverseSequences } from '../../shared/sequences.ts'

/** The first `sequence_lens[b]` steps of sequence b come in reverse order. */
export const reverseSequence: Operator = {
  floats: 'moved',
  lower: (c: OpContext) => {
    const x = c.input(0)
    const time = c.int('time_axis', 0)
    const batch = c.int('batch_axis', 1)
    const rank = x.type.shape.length
    c.check(time + batch === 1 && rank >= 2, `time axis ${time} and batch axis ${batch} of rank ${rank}`)
    return [reverseSequences(c.b, x, c.input(1), time)]
  },
}
