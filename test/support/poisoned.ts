import { fromBytes } from '../../compiler/core/scalar/dtype.ts'
import type { ModuleSpec } from '../../compiler/core/artefact/artefact.ts'
import { elementCount } from '../../compiler/core/shape.ts'
import { bytesOf, type Tensor } from '../../compiler/core/tensor.ts'
import { importModel } from '../../compiler/onnx/import.ts'
import { runPasses } from '../../compiler/passes/index.ts'
import { schedule } from '../../compiler/schedule/lower/index.ts'
import { bufferBytes, type MemoryPlan } from '../../compiler/schedule/memory/plan.ts'
import type { Program } from '../../compiler/schedule/program/program.ts'
import { labelsOf, type Engine } from '../../compiler/verify/index.ts'
import { moduleOf } from './program.ts'

/** A NaN in floats of every width, −1 in integers: what computes with it shows it. */
const poison = 0xff
const guard = 0xa5

/** Every byte of the arena that is no buffer's. */
function guardsOf({ addresses, image, totalBytes }: MemoryPlan): [number, number][] {
  const buffers = [...addresses]
    .map(([buffer, start]) => [start, start + bufferBytes(buffer)] as const)
    .filter(([start]) => start >= image.length)
    .sort((a, b) => a[0] - b[0])
  const guards: [number, number][] = []
  let end = image.length
  for (const [start, next] of buffers) {
    if (start > end) guards.push([end, start])
    end = Math.max(end, next)
  }
  return [...guards, [end, totalBytes]]
}

/**
 * A program in memory where no two buffers of the arena share a place. Before each run all of them are poisoned but the inputs;
 * after it, what stands between them must be as it was.
 */
export async function poisoned(program: Program) {
  const { wasm, spec, plan } = await moduleOf(program, { guarded: true })
  const instance = new WebAssembly.Instance(new WebAssembly.Module(wasm as BufferSource), {})
  const { memory, run } = instance.exports as { memory: WebAssembly.Memory; run: () => void }
  const bytes = new Uint8Array(memory.buffer)
  const guards = guardsOf(plan)
  return {
    spec,
    run: (inputs: Readonly<Record<string, Tensor>>): Record<string, Tensor> => {
      bytes.fill(poison, plan.image.length, plan.totalBytes)
      for (const [start, end] of guards) bytes.fill(guard, start, end)
      for (const { name, address } of spec.inputs) bytes.set(bytesOf(inputs[name]!), address)
      run()
      for (const [start, end] of guards) {
        const at = bytes.subarray(start, end).findIndex((byte) => byte !== guard)
        if (at >= 0) throw new Error(`byte ${start + at} was written, which is no buffer's (${start} to ${end})`)
      }
      return resultsOf(bytes, spec)
    },
  }
}

const resultsOf = (bytes: Uint8Array, spec: ModuleSpec): Record<string, Tensor> =>
  Object.fromEntries(
    spec.outputs.map(({ name, dtype, shape, address }) => [
      name,
      { dtype, shape, data: fromBytes(dtype, bytes.subarray(address), elementCount(shape)) },
    ]),
  )

/** Runs models as poisoned programs. */
export const poisonedEngine: Engine = {
  prepare: async (model, options) => {
    const { graph, names } = importModel(model, options)
    const { spec, run } = await poisoned(schedule(runPasses(graph)))
    const outputs = spec.outputs.map((port) => ({ ...port, ...names.outputs[port.name] }))
    return [{ variant: 'poisoned', labels: labelsOf(outputs), run: async (inputs) => run(inputs) }]
  },
}
