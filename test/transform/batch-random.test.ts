import { expect, it } from 'vitest'
import { allNodesOf } from '../../compiler/core/graph.ts'
import { printGraph } from '../../compiler/core/print.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { batch } from '../../compiler/transform/batch.ts'
import { randomGraph } from '../fuzz/random-graph.ts'
import { smallTensor } from '../fuzz/value-pool.ts'
import { Random } from '../support/random.ts'
import { expectClose, runModule } from '../support/run-graph.ts'
import { drawSamples, expectEachSample, stacked } from './samples.ts'

/** FUZZ: how many graphs. FUZZ_SEED: the first seed. */
const count = Number(process.env['FUZZ'] ?? 150)
const first = Number(process.env['FUZZ_SEED'] ?? 1)
const seeds = Array.from({ length: count }, (_, i) => first + i)

/** The graph of a seed, three samples, and which inputs they have their own of. */
function caseOf(seed: number) {
  const random = new Random(seed)
  const graph = randomGraph(random)
  const names = graph.inputs.map((port) => port.name)
  const own = random.float() < 0.5 ? names : names.filter(() => random.float() < 0.5)
  const batched = new Set(own)
  const samples = drawSamples(graph, 3, batched, ({ dtype, shape }) => smallTensor(random, dtype, shape))
  return { graph, batched, samples }
}

it('random graphs give for each sample what they give for it alone', () => {
  const seen = new Set<string>()
  for (const seed of seeds) {
    const { graph, batched, samples } = caseOf(seed)
    try {
      expectEachSample(graph, samples, batched)
    } catch (error) {
      throw new Error(`seed ${seed}: ${String(error)}\n${printGraph(graph)}`, { cause: error })
    }
    allNodesOf(graph).forEach((node) => seen.add(node.op))
  }
  if (count >= 150)
    for (const op of ['while', 'if', 'convolution', 'dot_general', 'sort', 'gather']) expect(seen).toContain(op)
})

it('random graphs, batched, compile to what the evaluator gives', async () => {
  for (const seed of seeds.slice(0, Math.ceil(count / 3))) {
    const { graph, batched, samples } = caseOf(seed)
    const made = batch(graph, samples.length, batched).graph
    const inputs = stacked(samples, batched)
    const { modules, spec } = await compileGraph(made, { targets: ['simd'] })
    const actual = runModule(modules.simd!, spec, inputs)
    for (const [name, value] of Object.entries(evaluate(made, inputs))) {
      try {
        expectClose(actual[name]!, value, 0)
      } catch (error) {
        throw new Error(`seed ${seed}: ${name}: ${String(error)}\n${printGraph(made)}`, { cause: error })
      }
    }
  }
})
