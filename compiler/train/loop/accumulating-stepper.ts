import type { Instance, Outputs, ParallelExecutor } from '../../core/executor.ts'
import { gradientProgram, updateProgram } from '../step/accumulation.ts'
import { sumOf, writeBatch, writeScalar } from './batches.ts'
import { diverged } from './diverged.ts'
import type { TrainableModel } from '../model/model.ts'
import { ports } from '../model/ports.ts'
import { runAll } from './replicas.ts'
import type { Stepper, StepperOptions } from './stepper.ts'

/** A step is a run of one program for each micro-batch, by as many workers as there are, and one of another for the updates. */
export async function accumulatingStepper(
  model: TrainableModel,
  { batch, accumulate, ...options }: StepperOptions,
  executor: ParallelExecutor,
): Promise<Stepper> {
  const size = batch / accumulate
  const gradients = gradientProgram(model, { ...options, batch: size })
  const replicas = await executor.replicate(gradients.graph, gradients.state, gradients.start)
  const program = updateProgram(model, { ...options, batch: size })
  const update = await executor.instantiate(program.graph, program.state, program.start)
  const { state } = update
  return {
    state,
    ...memoryOf([...replicas, update]),
    async step({ samples, chosen, weightOf, epoch, step, scalars }) {
      for (const replica of replicas)
        for (const [name, view] of Object.entries(replica.state)) view.set(state[name] as never)
      const count = Math.ceil(chosen.length / size)
      const write = (inputs: Instance['inputs'], i: number): Promise<number> =>
        writeBatch(inputs, model.data, samples, chosen.subarray(i * size, (i + 1) * size), epoch, weightOf)
      const [weights, lost] = [new Float64Array(count), new Float64Array(count)]
      let correct = 0
      await runAll(
        replicas,
        count,
        async (inputs, i) => {
          weights[i] = await write(inputs, i)
          writeScalar(inputs, ports.counter, step * accumulate + i)
        },
        (outputs, i) => {
          addTo(update.inputs, outputs, i === 0)
          lost[i] = Number(outputs[ports.sum]![0])
          correct += Number(outputs[ports.correct]?.[0] ?? 0)
        },
      )
      const weight = sumOf(weights)
      writeScalar(update.inputs, ports.total, weight)
      writeScalar(update.inputs, ports.batches, count)
      for (const [name, value] of Object.entries(scalars)) writeScalar(update.inputs, ports.scalar(name), value)
      const loss = Number(update.run()[ports.loss]![0])
      if (!Number.isFinite(loss)) {
        const { inputs } = replicas[0]!
        const bad = lost.findIndex((l) => !Number.isFinite(l))
        // All of them may be finite, and their sum not.
        await write(inputs, bad < 0 ? 0 : bad)
        return diverged(model, { inputs, state }, step + 1, loss, executor, options.distillation?.teacher)
      }
      return { loss, correct, weight }
    },
  }
}

/** Adds outputs to the inputs of the same names, in f32; the first of a sum is written. */
function addTo(sums: Instance['inputs'], outputs: Outputs, first: boolean): void {
  for (const [name, values] of Object.entries(outputs)) {
    const sum = sums[name]
    if (!sum) continue
    if (first) sum.set(values as never)
    else add(sum as Float32Array, values as Float32Array)
  }
}

function add(sum: Float32Array, values: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += values[i]!
}

/** Of all programs together. */
function memoryOf(instances: readonly Pick<Instance, 'memory'>[]): Pick<Instance, 'memory'> {
  const known = instances.flatMap(({ memory }) => memory ?? [])
  if (known.length < instances.length) return {}
  const total = (field: keyof (typeof known)[number]): number => known.reduce((sum, memory) => sum + memory[field], 0)
  return { memory: { arena: total('arena'), leastArena: total('leastArena'), state: total('state') } }
}
