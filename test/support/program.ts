import { abiVersion, type ModuleSpec, type PortSpec, type Target } from '../../compiler/core/artefact/artefact.ts'
import { planMemory, type MemoryPlan } from '../../compiler/schedule/memory/plan.ts'
import type { Program, ProgramPort } from '../../compiler/schedule/program/program.ts'
import { emitCode, loadBinaryen, sectionsBehind } from '../../compiler/wasm/emit.ts'
import { concatBytes } from '../../compiler/wasm/sections.ts'

/** A module of a scheduled program, the baseline unless `target` says otherwise. */
export async function moduleOf(
  program: Program,
  { target = 'simd', ...options }: { readonly guarded?: boolean; readonly target?: Target } = {},
): Promise<{ wasm: Uint8Array; spec: ModuleSpec; plan: MemoryPlan }> {
  const plan = planMemory(program, options)
  const port = ({ name, dtype, shape, buffer }: ProgramPort): PortSpec => ({
    name,
    dtype,
    shape,
    address: plan.addresses.get(buffer)!,
  })
  const spec: ModuleSpec = {
    abi: abiVersion,
    hash: 'test',
    attar: 'test',
    inputs: program.inputs.map(port),
    outputs: program.outputs.map(port),
    metadata: {},
  }
  const wasm = concatBytes([emitCode(await loadBinaryen(), [{ program, plan }], target), sectionsBehind(plan, spec)])
  return { wasm, spec, plan }
}
