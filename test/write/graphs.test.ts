import { describe, it } from 'vitest'
import { evaluate } from '../../compiler/core/evaluate.ts'
import type { Graph } from '../../compiler/core/graph.ts'
import { printGraph } from '../../compiler/core/print.ts'
import { runPasses, simplify } from '../../compiler/passes/index.ts'
import { randomGraph } from '../fuzz/random-graph.ts'
import { smallTensor } from '../fuzz/value-pool.ts'
import { Random } from '../support/random.ts'
import { expectWritten } from './judge.ts'

/** FUZZ: how many graphs. FUZZ_SEED: the first seed. */
const count = Number(process.env['FUZZ'] ?? 60)
const first = Number(process.env['FUZZ_SEED'] ?? 1)

const batch = 20
const batches = Array.from({ length: Math.ceil(count / batch) }, (_, i) => first + i * batch)

describe.each<[string, (graph: Graph) => Graph]>([
  ['as they are', (graph) => graph],
  ['simplified', simplify],
  ['optimized', runPasses],
])('random graphs, %s', (_, optimize) => {
  it.each(batches)('give the same as ONNX models from %i on', async (start) => {
    for (let seed = start; seed < Math.min(start + batch, first + count); seed++) {
      const random = new Random(seed)
      const graph = randomGraph(random)
      const inputs = Object.fromEntries(
        graph.inputs.map(({ name, value }) => [name, smallTensor(random, value.type.dtype, value.type.shape)]),
      )
      try {
        await expectWritten(optimize(graph), inputs, { expected: evaluate(graph, inputs) })
      } catch (error) {
        throw new Error(`seed ${seed}: ${String(error)}\n${printGraph(graph)}`, { cause: error })
      }
    }
  })
})
