import { afterAll, describe, expect, it } from 'vitest'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { printGraph } from '../../compiler/core/print.ts'
import { verify } from '../../compiler/core/verify.ts'
import { passes } from '../../compiler/passes/index.ts'
import { Random } from '../support/random.ts'
import { relaxedEngines } from '../support/engines/relaxed-engines.ts'
import { expectClose, expectModulesEqualEvaluated } from '../support/run-graph.ts'
import { randomGraph } from './random-graph.ts'
import { smallTensor } from './value-pool.ts'

/** FUZZ: how many graphs. FUZZ_SEED: the first seed. */
const count = Number(process.env['FUZZ'] ?? 150)
const first = Number(process.env['FUZZ_SEED'] ?? 1)

const engines = await relaxedEngines(false)
afterAll(() => engines.forEach((engine) => engine.close()))

const batch = 25
const batches = Array.from({ length: Math.ceil(count / batch) }, (_, i) => first + i * batch)

/** The graph of a seed and what the evaluator makes of it. */
function caseOf(seed: number) {
  const random = new Random(seed)
  const graph = randomGraph(random)
  const inputs = Object.fromEntries(
    graph.inputs.map(({ name, value }) => [name, smallTensor(random, value.type.dtype, value.type.shape)]),
  )
  return { graph, inputs, expected: evaluate(graph, inputs) }
}

/** Adds seed and text of the graph to what `body` throws. */
async function explain(seed: number, body: () => Promise<void> | void): Promise<void> {
  try {
    await body()
  } catch (error) {
    throw new Error(`seed ${seed}: ${String(error)}\n${printGraph(caseOf(seed).graph)}`, { cause: error })
  }
}

const seedsFrom = (start: number): number[] =>
  Array.from({ length: Math.min(batch, first + count - start) }, (_, i) => start + i)

describe('random graphs', () => {
  it.each(batches)('passes keep the results of graphs from %i on', async (start) => {
    for (const seed of seedsFrom(start)) {
      await explain(seed, () => {
        const { graph, inputs, expected } = caseOf(seed)
        verify(graph)
        passes.reduce((before, pass) => {
          const after = pass.run(before)
          verify(after)
          expect(after.inputs).toEqual(graph.inputs)
          const actual = evaluate(after, inputs)
          for (const [name, value] of Object.entries(expected)) expectClose(actual[name]!, value, 0)
          return after
        }, graph)
      })
    }
  })

  it.each(batches)('modules give the results of graphs from %i on', async (start) => {
    for (const seed of seedsFrom(start)) {
      await explain(seed, async () => {
        const { graph, inputs } = caseOf(seed)
        await expectModulesEqualEvaluated(graph, inputs, engines, 0)
      })
    }
  })
})
