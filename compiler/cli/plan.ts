import { cpus } from 'node:os'
import { basename, dirname } from 'node:path'
import type { LayerBench } from '../bench/index.ts'
import type { PlanFile } from '../config/plan.ts'
import type { Target } from '../index.ts'
import { version } from '../version.ts'

/** The times in the file at `path`. A501 where it is no plan, or of another module than those of `targets`. */
export async function readPlan(path: string, targets?: readonly Target[]): Promise<PlanFile> {
  const { parsePlan } = await import('../config/plan.ts')
  const { readFile } = await import('../data/files.ts')
  const { fail } = await import('../index.ts')
  const plan =
    parsePlan(new TextDecoder().decode(readFile(path))) ??
    fail('A501', `"${path}" is no plan`, { hint: 'attar bench model.onnx --layers --plan plan.json writes one' })
  if (targets && !targets.includes(plan.target))
    fail('A501', `"${path}" has the times of a module for ${plan.target}, and this one is for ${targets.join(', ')}`, {
      hint: `measured in ${plan.engine}; an engine that runs ${targets.join(', ')} measures the other: attar bench model.onnx --layers --plan plan.json`,
    })
  return plan
}

/** Writes what was measured of a model's kernels. */
export async function writePlan(path: string, { layers, runMs }: LayerBench, target: Target): Promise<void> {
  const { writeFiles } = await import('../data/files.ts')
  const plan: PlanFile = {
    ...{ attar: version, target, engine: `Node ${process.versions.node}, V8 ${process.versions.v8}` },
    machine: `${cpus()[0]?.model ?? 'unknown'}, ${process.arch}`,
    runMs,
    kernels: layers.map(({ kernel, nodes, macs, medianMs }) => ({ kernel, nodes: [...nodes], macs, ms: medianMs })),
  }
  writeFiles(dirname(path), { [basename(path)]: new TextEncoder().encode(`${JSON.stringify(plan, null, 1)}\n`) })
}
