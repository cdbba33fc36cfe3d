import { describe, expect, it } from 'vitest'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { runPasses } from '../../compiler/passes/index.ts'
import { schedule } from '../../compiler/schedule/lower/index.ts'
import { findCases, runCase } from '../../compiler/verify/index.ts'
import { randomGraph } from '../fuzz/random-graph.ts'
import { smallTensor } from '../fuzz/value-pool.ts'
import { poisoned, poisonedEngine } from '../support/poisoned.ts'
import { Random } from '../support/random.ts'
import { expectClose } from '../support/run-graph.ts'

const root = process.env['ATTAR_CASES']

describe('in poisoned memory, with guards between buffers', () => {
  it.each(Array.from({ length: 6 }, (_, i) => 1 + i * 25))('random graphs from %d on', async (start) => {
    for (let seed = start; seed < start + 25; seed++) {
      const random = new Random(seed)
      const graph = randomGraph(random)
      const inputs = Object.fromEntries(
        graph.inputs.map(({ name, value }) => [name, smallTensor(random, value.type.dtype, value.type.shape)]),
      )
      const { run } = await poisoned(schedule(runPasses(graph)))
      const actual = run(inputs)
      for (const [name, value] of Object.entries(evaluate(graph, inputs))) {
        try {
          expectClose(actual[name]!, value, 0)
        } catch (error) {
          throw new Error(`seed ${seed}, ${name}`, { cause: error })
        }
      }
    }
  })

  it.skipIf(root === undefined).each(root === undefined ? [] : findCases(root))('$name', async (folder) => {
    const result = await runCase(folder, poisonedEngine)
    expect(result.status, result.message).toBe('pass')
  })
})
