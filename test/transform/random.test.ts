import { it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { isFloat } from '../../compiler/core/dtype.ts'
import * as f from '../../compiler/core/formula.ts'
import type { Graph } from '../../compiler/core/graph.ts'
import { printGraph } from '../../compiler/core/print.ts'
import { randomGraph } from '../fuzz/random-graph.ts'
import { expectGradients } from '../support/differences.ts'
import { Random } from '../support/random.ts'

/** FUZZ: how many graphs. FUZZ_SEED: the first seed. */
const count = Number(process.env['FUZZ'] ?? 100)
const first = Number(process.env['FUZZ_SEED'] ?? 1)

const b = new Builder(undefined)

/** An extreme of no elements is ±∞. */
const finite = (graph: Graph): Graph => ({
  ...graph,
  outputs: graph.outputs.map((port) =>
    isFloat(port.value.type.dtype)
      ? { ...port, value: b.map([port.value], (e) => f.select(f.lt(f.abs(e!), 1e30), e!, 0)) }
      : port,
  ),
})

it('gradients of random graphs are their differences', () => {
  for (let seed = first; seed < first + count; seed++) {
    const random = new Random(seed)
    const graph = finite(randomGraph(random))
    try {
      expectGradients(graph, random, { most: 6, smooth: 0 })
    } catch (error) {
      throw new Error(`seed ${seed}: ${String(error)}\n${printGraph(graph)}`, { cause: error })
    }
  }
})
