import type { StateSpec, Tensor } from '../index.ts'
import type { Runner } from './engine.ts'
import type { Reference } from './onnxruntime.ts'

type Tensors = Readonly<Record<string, Tensor>>

export interface Step {
  readonly expected: Tensors
  /** By runner. */
  readonly found: readonly Tensors[]
}

/**
 * What the reference and the runners give for each sample. `bound` are further inputs of the model, which are constants in the
 * module. With states the samples are steps of one sequence: the reference takes its own outputs back, each runner keeps its own
 * states, and all begin where the module does.
 */
export async function* steps(
  reference: Reference,
  runners: readonly Runner[],
  samples: readonly Tensors[],
  bound: Tensors,
  states: readonly StateSpec[] = [],
): AsyncGenerator<Step> {
  let carried: Tensors = {}
  if (states.length > 0) for (const { begin } of runners) carried = await begin!()
  for (const sample of samples) {
    const expected = await reference.run({ ...bound, ...carried, ...sample })
    const found: Tensors[] = []
    for (const { run } of runners) found.push(await run(sample))
    yield { expected, found }
    carried = Object.fromEntries(states.map(({ name, next }) => [name, expected[next]!]))
  }
}
