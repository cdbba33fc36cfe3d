import { describe, it } from 'vitest'
import { printGraph } from '../../compiler/core/print.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { randomGraph } from '../fuzz/random-graph.ts'
import { smallTensor } from '../fuzz/value-pool.ts'
import { Random } from '../support/random.ts'
import { expectWritten } from './judge.ts'

/** FUZZ: how many graphs. FUZZ_SEED: the first seed. */
const count = Number(process.env['FUZZ'] ?? 60)
const first = Number(process.env['FUZZ_SEED'] ?? 1)

const batch = 20
const batches = Array.from({ length: Math.ceil(count / batch) }, (_, i) => first + i * batch)

describe('random graphs', () => {
  it.each(batches)('are the same as ONNX models from %i on', { timeout: 600_000 }, async (start) => {
    for (let seed = start; seed < Math.min(start + batch, first + count); seed++) {
      const random = new Random(seed)
      const graph = randomGraph(random)
      const inputs = Object.fromEntries(
        graph.inputs.map(({ name, value }) => [name, smallTensor(random, value.type.dtype, value.type.shape)]),
      )
      try {
        await expectWritten(graph, inputs, { expected: evaluate(graph, inputs) })
      } catch (error) {
        if (process.env['FUZZ_ALL']) {
          console.log(`seed ${seed}: ${String(error).slice(0, 400)}`)
          continue
        }
        throw new Error(`seed ${seed}: ${String(error)}\n${printGraph(graph)}`, { cause: error })
      }
    }
  })
})
