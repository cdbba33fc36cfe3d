import type { Operator } from '../context.ts'

const names = [
  'ConcatFromSequence',
  'SequenceAt',
  'SequenceConstruct',
  'SequenceEmpty',
  'SequenceErase',
  'SequenceInsert',
  'SequenceLength',
  'SequenceMap',
  'SplitToSequence',
]

/** Values are tensors: there are no sequences. */
export const sequenceOperators: Readonly<Record<string, Operator>> = Object.fromEntries(
  names.map((name) => [name, { lower: (c) => c.unsupported('attar has no sequences of tensors') }]),
)
