import { expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { isFloat } from '../../compiler/core/scalar/dtype.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import type { Graph, Value } from '../../compiler/core/graph.ts'
import { printGraph } from '../../compiler/core/print.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { gradients } from '../../compiler/transform/gradients.ts'
import { randomGraph } from '../fuzz/random-graph.ts'
import { smallTensor } from '../fuzz/value-pool.ts'
import { expectGradients } from '../support/differences.ts'
import { Random } from '../support/random.ts'
import { expectClose, runModule } from '../support/run-graph.ts'

/** FUZZ: how many graphs. FUZZ_SEED: the first seed. */
const count = Number(process.env['FUZZ'] ?? 60)
const first = Number(process.env['FUZZ_SEED'] ?? 1)
const seeds = Array.from({ length: count }, (_, i) => first + i)

const b = new Builder(undefined)

async function explain(seed: number, graph: Graph, body: () => Promise<void> | void): Promise<void> {
  try {
    await body()
  } catch (error) {
    throw new Error(`seed ${seed}: ${String(error)}\n${printGraph(graph)}`, { cause: error })
  }
}

const floats = (ports: Graph['inputs']): Value[] =>
  ports.map(({ value }) => value).filter((value) => isFloat(value.type.dtype))

/** An extreme of no elements is ±∞. */
const finite = (graph: Graph): Graph => ({
  ...graph,
  outputs: graph.outputs.map((port) =>
    isFloat(port.value.type.dtype)
      ? { ...port, value: b.map([port.value], (e) => f.select(f.lt(f.abs(e!), 1e30), e!, 0)) }
      : port,
  ),
})

it('gradients of random graphs are their differences', async () => {
  for (const seed of seeds) {
    const random = new Random(seed)
    const graph = finite(randomGraph(random))
    await explain(seed, graph, () => expectGradients(graph, random, { most: 6, smooth: 0 }))
  }
})

/** The gradients of Σ w y, with random integers as w: numbers that are exact however they are computed. */
function backwards(graph: Graph, random: Random): Graph | undefined {
  const [outputs, inputs] = [floats(graph.outputs), floats(graph.inputs)]
  if (outputs.length === 0 || inputs.length === 0) return undefined
  const sums = outputs.map((y) => {
    const weights = b.constant(smallTensor(random, y.type.dtype, y.type.shape))
    const axes = y.type.shape.map((_, i) => i)
    return b.reduce('add', b.binary('mul', y, weights), axes)
  })
  const loss = sums.reduce((p, q) => b.binary('add', p, q))
  const found = gradients(loss, inputs)
  return { inputs: graph.inputs, outputs: found.map((value, i) => ({ name: `g${i}`, value })) }
}

it('modules give the gradients of random graphs that the evaluator gives', async () => {
  let looked = 0
  for (const seed of seeds) {
    const random = new Random(seed)
    const graph = backwards(randomGraph(random), random)
    if (!graph) continue
    looked++
    const inputs = Object.fromEntries(
      graph.inputs.map(({ name, value }) => [name, smallTensor(random, value.type.dtype, value.type.shape)]),
    )
    await explain(seed, graph, async () => {
      const expected = evaluate(graph, inputs)
      const { modules, spec } = await compileGraph(graph, { targets: ['simd'] })
      const actual = runModule(modules.simd!, spec, inputs)
      for (const [name, value] of Object.entries(expected)) expectClose(actual[name]!, value, 1e-3)
    })
  }
  expect(looked).toBeGreaterThan(count / 3)
})
