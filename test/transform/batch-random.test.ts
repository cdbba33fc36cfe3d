import { expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { allNodesOf, applyPatch, nodesOf, type Value } from '../../compiler/core/graph.ts'
import { bytesOf } from '../../compiler/core/tensor.ts'
import { printGraph } from '../../compiler/core/print.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { batch } from '../../compiler/transform/batch.ts'
import { randomGraph } from '../fuzz/random-graph.ts'
import { smallTensor } from '../fuzz/value-pool.ts'
import { Random } from '../support/random.ts'
import { expectClose, runModule } from '../support/run-graph.ts'
import { drawSamples, expectEachSample, stack, stacked } from './samples.ts'

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

it('what replaces a value of a random graph is read in its place', () => {
  for (const seed of seeds) {
    const { graph, batched, samples } = caseOf(seed)
    const random = new Random(seed)
    const made = batch(graph, samples.length, batched)
    const nodes = nodesOf(graph).filter((node) => node.op !== 'input' && node.op !== 'constant')
    if (nodes.length === 0) continue
    const replaced = random.pick(random.pick(nodes).results)
    const ones = ({ type: { dtype, shape } }: Value): Value => new Builder(undefined).full(1, dtype, shape)
    const { value } = made.value(replaced)
    const outputs = evaluate(made.replacing(new Map([[replaced, ones(value)]])), stacked(samples, batched))
    const source = applyPatch(graph, new Map([[replaced, ones(replaced)]]))
    const each = samples.map((sample) => evaluate(source, sample))
    for (const port of graph.outputs) {
      const expected = each.map((results) => results[port.name]!)
      const whole = made.value(port.value).batched ? stack(expected) : expected[0]!
      expect(bytesOf(outputs[port.name]!), `seed ${seed}: ${port.name}`).toEqual(bytesOf(whole))
    }
  }
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
