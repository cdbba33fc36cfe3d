import { describe, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import type { Value } from '../../compiler/core/graph.ts'
import { Random } from '../support/random.ts'
import { expectCompiledEqualsEvaluated, graphOf, inputOf } from '../support/run-graph.ts'

const b = new Builder(undefined)

/** Sums over all axes but the last one: of a bias's gradient, or of batch normalization. */
const cases: Readonly<Record<string, (channels: number) => { inputs: Value[]; outputs: Value[] }>> = {
  sums: (channels) => {
    const x = inputOf('x', 'f32', [3, 11, 13, channels])
    return { inputs: [x], outputs: (['add', 'max', 'min'] as const).map((kind) => b.reduce(kind, x, [0, 1, 2])) }
  },
  'sums of integers': (channels) => {
    const x = inputOf('x', 'i32', [301, channels])
    const y = inputOf('y', 'u8', [301, channels])
    return { inputs: [x, y], outputs: [b.reduce('add', x, [0]), b.reduce('max', y, [0])] }
  },
  'squares apart from a mean, and what follows': (channels) => {
    const x = inputOf('x', 'f32', [5, 70, channels])
    const mean = inputOf('mean', 'f32', [channels])
    const squares = b.reduce(
      'add',
      b.map([x, mean], (v, m) => f.mul(f.sub(v!, m!), f.sub(v!, m!))),
      [0, 1],
    )
    return { inputs: [x, mean], outputs: [b.map([squares, mean], (s, m) => f.add(f.mul(s!, 0.25), m!))] }
  },
  'parts of a pixel': (channels) => {
    const x = inputOf('x', 'f32', [4, 290, channels + 3])
    const part = b.slice(x, [0, 0, 2], [4, 290, channels])
    return { inputs: [x], outputs: [b.reduce('add', part, [1])] }
  },
}

describe('long columns are reduced side by side', () => {
  it.each(Object.entries(cases))('%s', async (_, make) => {
    for (const channels of [1, 4, 7, 8, 12, 16, 19, 36, 50]) {
      const { inputs, outputs } = make(channels)
      await expectCompiledEqualsEvaluated(graphOf(inputs, outputs), new Random(channels))
    }
  })
})
