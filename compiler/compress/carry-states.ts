import { fail } from '../core/diagnostics/diagnostic.ts'
import type { Executor } from '../core/executor.ts'
import type { Graph } from '../core/graph.ts'
import { typeBytes, zeros, type Tensor } from '../core/tensor.ts'
import type { Progress, Sample } from './calibrate.ts'

/** All of the states that samples start from. */
const maxBytes = 2 ** 31

/**
 * Samples of a model with states, with what these are when each sample's run starts: `samples` have the other inputs, and are
 * steps of one sequence, which the graph is run on. `state` names the output that each state becomes, `start` what they start as
 * unless as zeros. Of the samples those at the places `kept` are given back, which ascend. A301 for more than 2 GiB of states.
 */
export async function carryStates(
  graph: Graph,
  samples: readonly Sample[],
  state: Readonly<Record<string, string>>,
  start: Readonly<Record<string, Tensor>>,
  kept: readonly number[],
  executor: Executor,
  progress: Progress = () => {},
): Promise<Sample[]> {
  const states = Object.entries(state)
  const types = states.map(([input]) => graph.inputs.find(({ name }) => name === input)!.value.type)
  if (kept.length * types.reduce((sum, type) => sum + typeBytes(type), 0) > maxBytes)
    fail('A301', `the states of ${kept.length} samples take more than 2 GiB`, { hint: 'give fewer samples' })
  const carried = states.map(([input], i): [string, Tensor] => {
    const { dtype, shape } = types[i]!
    return [input, Object.hasOwn(start, input) ? start[input]! : zeros(dtype, shape)]
  })
  if (kept.length === 0) return []
  let values = Object.fromEntries(carried)
  const run = await executor.prepare(graph)
  const result: Sample[] = []
  for (let i = 0; result.length < kept.length; i++) {
    progress('carrying states', i, samples.length)
    const sample = { ...samples[i]!, ...values }
    if (kept[result.length] === i) result.push(sample)
    const outputs = run(sample)
    // Copies: the next run goes over what the outputs are views of.
    const next = states.map(
      ([input, output]) => [input, { ...outputs[output]!, data: outputs[output]!.data.slice() }] as const,
    )
    values = Object.fromEntries(next)
  }
  return result
}
