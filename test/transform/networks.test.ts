import { describe, it } from 'vitest'
import { gradients } from '../../compiler/transform/gradients.ts'
import { expectGradients } from '../support/differences.ts'
import { Random } from '../support/random.ts'
import { expectCompiledEqualsEvaluated, graphOf } from '../support/run-graph.ts'
import { lstm } from './lstm.ts'
import { convolutional, transformer } from './networks.ts'

const networks = {
  'convolutions and pooling': convolutional(2, 9, 4),
  'a transformer block': transformer(5, 8, 2),
  'an LSTM': lstm({ steps: 5, batch: 3, inputs: 4, hidden: 4 }),
}

describe.each(Object.entries(networks))('%s', (_, { loss, inputs }) => {
  it('has the gradients that differences tell', () => {
    expectGradients(graphOf(inputs, [loss]), new Random(1), { most: 10 })
  })

  it('has the same compiled', async () => {
    await expectCompiledEqualsEvaluated(graphOf(inputs, [loss, ...gradients(loss, inputs)]), new Random(2), 1e-3)
  })
})
