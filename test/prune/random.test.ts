import { expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import type { Graph, Port } from '../../compiler/core/graph.ts'
import { printGraph } from '../../compiler/core/print.ts'
import { elementCount } from '../../compiler/core/shape.ts'
import { randomGraph } from '../fuzz/random-graph.ts'
import { smallTensor } from '../fuzz/value-pool.ts'
import { Random } from '../support/random.ts'
import { bothWays, modelOf, outputsOf } from './models.ts'

/** FUZZ: how many graphs. FUZZ_SEED: the first seed. */
const count = Number(process.env['FUZZ'] ?? 600)
const first = Number(process.env['FUZZ_SEED'] ?? 1)

/** Products of all that an output has, which let go of channels that an output would keep. */
function withHeads(random: Random, { inputs, outputs }: Graph): Graph {
  const b = new Builder(undefined)
  const heads = outputs.map((port): Port => {
    const { dtype, shape } = port.value.type
    const size = elementCount(shape)
    if (dtype !== 'f32' || size < 2) return port
    const weights = b.constant(smallTensor(random, 'f32', [size, 2]))
    const attrs = { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] }
    return { ...port, value: b.dotGeneral(b.reshape(port.value, [1, size]), weights, attrs) }
  })
  return { inputs, outputs: heads }
}

it('random graphs without groups of channels compute what they do with zeros for them', () => {
  let shortened = 0
  for (let seed = first; seed < first + count; seed++) {
    const random = new Random(seed)
    const graph = withHeads(random, randomGraph(random))
    const inputs = Object.fromEntries(
      graph.inputs.map(({ name, value }) => [name, smallTensor(random, value.type.dtype, value.type.shape)]),
    )
    const { groups, masked, removed } = bothWays(modelOf(graph), () => random.float() < 0.5)
    if (groups.length === 0) continue
    shortened++
    expect(outputsOf(removed, inputs), `seed ${seed}\n${printGraph(graph)}`).toEqual(outputsOf(masked, inputs))
  }
  expect(shortened / count).toBeGreaterThan(0.1)
})
