import type { Outputs, Replica } from '../../core/executor.ts'

/**
 * Runs a program `count` times, as many runs at a time as there are `replicas`. `write` writes the inputs of run `i`, `take` gets its outputs,
 * in the order of the runs. Which replica runs what changes no result.
 */
export async function runAll(
  replicas: readonly Replica[],
  count: number,
  write: (inputs: Replica['inputs'], i: number) => Promise<void>,
  take: (outputs: Outputs, i: number) => void,
): Promise<void> {
  for (let from = 0; from < count; from += replicas.length) {
    const now = replicas.slice(0, count - from)
    const runs = new Array<Outputs | Promise<Outputs>>(now.length)
    // The first runs in this thread: the others are under way before it starts.
    for (const [i, replica] of [...now.entries()].reverse()) {
      await write(replica.inputs, from + i)
      runs[i] = replica.run()
    }
    for (const [i, outputs] of runs.entries()) take(await outputs, from + i)
  }
}
