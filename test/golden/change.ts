import { Builder } from '../../compiler/core/builder.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import type { Graph, Value } from '../../compiler/core/graph.ts'
import { printGraph } from '../../compiler/core/print.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { verify } from '../../compiler/core/verify.ts'
import { Random } from '../support/random.ts'
import { expectClose, graphOf, randomTensor } from '../support/run-graph.ts'

export const f32 = (shape: readonly number[], values: readonly number[]): Value =>
  new Builder(undefined).constant(tensorOf('f32', shape, values))

export const nchw = { batch: 0, feature: 1, spatial: [2, 3] }
export const oihw = { output: 0, input: 1, spatial: [2, 3] }

/** Text before and after a pass; both graphs must be sound and compute the same. */
export function change(pass: (graph: Graph) => Graph, inputs: readonly Value[], outputs: readonly Value[]): string {
  const graph = graphOf(inputs, outputs)
  const after = pass(graph)
  verify(graph)
  verify(after)
  const random = new Random(1)
  const values = Object.fromEntries(
    graph.inputs.map(({ name, value }) => [name, randomTensor(random, value.type.dtype, value.type.shape)]),
  )
  const [expected, actual] = [evaluate(graph, values), evaluate(after, values)]
  for (const [name, value] of Object.entries(expected)) expectClose(actual[name]!, value, 1e-5)
  const text = `${printGraph(graph)}\n${printGraph(after)}`
  return text.replaceAll(
    /\{size: (\d+), stride: (\d+), dilation: (\d+), low: (-?\d+), high: (-?\d+), baseDilation: (\d+)\}/g,
    '{$1 stride $2 dilation $3 pad $4 $5 base $6}',
  )
}

/** Whether a pass leaves a graph as it is. */
export const keeps = (pass: (graph: Graph) => Graph, inputs: readonly Value[], outputs: readonly Value[]): boolean => {
  const graph = graphOf(inputs, outputs)
  return printGraph(pass(graph)) === printGraph(graph)
}
