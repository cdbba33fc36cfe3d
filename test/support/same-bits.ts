import { expect } from 'vitest'
import type { Graph } from '../../compiler/core/graph.ts'
import { bytesOf, type Tensor } from '../../compiler/core/tensor.ts'
import type { Program } from '../../compiler/schedule/program/program.ts'
import { randomGraph } from '../fuzz/random-graph.ts'
import { smallTensor } from '../fuzz/value-pool.ts'
import { moduleOf } from './program.ts'
import { Random } from './random.ts'
import { runModule } from './run-graph.ts'

/** What the compiled program gives for the inputs, byte by byte. */
async function resultBytes(program: Program, inputs: Readonly<Record<string, Tensor>>): Promise<unknown[]> {
  const { wasm, spec } = await moduleOf(program)
  return Object.entries(runModule(wasm, spec, inputs)).map(([name, t]) => [name, ...bytesOf(t)])
}

/** Expects the same bits of random graphs' programs as `lower` makes them and as `rewrite` leaves them. */
export async function expectSameBits(
  seeds: { readonly from: number; readonly to: number },
  lower: (graph: Graph) => Program,
  rewrite: (program: Program) => Program,
): Promise<void> {
  for (let seed = seeds.from; seed < seeds.to; seed++) {
    const random = new Random(seed)
    const graph = randomGraph(random)
    const inputs = Object.fromEntries(
      graph.inputs.map(({ name, value }) => [name, smallTensor(random, value.type.dtype, value.type.shape)]),
    )
    const apart = lower(graph)
    const results = await Promise.all([apart, rewrite(apart)].map((program) => resultBytes(program, inputs)))
    expect(results[1], `seed ${seed}`).toEqual(results[0])
  }
}
