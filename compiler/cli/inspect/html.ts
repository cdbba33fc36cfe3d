import { basename, dirname, extname } from 'node:path'
import type { Compiled, CompileOptions, KernelReport, Target } from '../../index.ts'
import type { PlanFile } from '../../config/plan.ts'
import type { ModelPage } from '../../report/inspection/model-page.ts'
import type { ModulePage } from '../../report/inspection/module-page.ts'
import { openLines, type ModelDescription } from './model.ts'
import { nodesOf } from './model-nodes.ts'
import type { ModuleDescription } from './module.ts'

/** A module as a page, with the times of the plan at `planPath`. A501 where the plan is of another model. */
export async function moduleHtml(
  path: string,
  module: Uint8Array,
  description: ModuleDescription,
  planPath: string | undefined,
): Promise<string> {
  const { fail, formatType, inspectModule, signaturesOf } = await import('../../index.ts')
  const { kernelsBeside, memoryBeside, targetBeside } = await import('./report-beside.ts')
  const { bytesOfKernels } = await import('./layer-bytes.ts')
  const { modulePage } = await import('../../report/inspection/module-page.ts')
  const beside = kernelsBeside(path)
  const bytes = beside && bytesOfKernels(inspectModule(module), beside)
  const plan = planPath === undefined ? undefined : await planOf(planPath, beside, targetBeside(path))
  if (plan && !bytes) fail('A501', 'the times cannot be told apart: no report.json of the module stands beside it')
  const { spec } = description
  const port = (kind: string) => (each: (typeof spec.inputs)[number]) => [kind, each.name, formatType(each)] as const
  const content: ModulePage = {
    name: basename(path),
    ...{ bytes: description.bytes, gzip: await gzipOf(module), memory: description.memoryBytes },
    sections: description.sections,
    ports: [
      ...signaturesOf(spec).flatMap(({ inputs, outputs }) => [
        ...inputs.map(port('input')),
        ...outputs.map(port('output')),
      ]),
      ...(spec.states ?? []).map(port('state')),
    ],
    ...(bytes && {
      kernels: beside.map(({ names, nodes, macs, live }, i) => ({
        kernel: [...new Set(names)].join(' or '),
        ...{ nodes, macs, ...bytes[i]! },
        ...(live !== undefined && { live }),
        ...(plan && { ms: plan.kernels[i]!.ms }),
      })),
    }),
    ...memoryBeside(path),
    ...(plan && { measured: placeOf(plan) }),
  }
  return modulePage(content)
}

/** An ONNX model as a page, with what it compiles to, where it does. */
export async function modelHtml(
  path: string,
  model: Uint8Array,
  description: ModelDescription,
  options: CompileOptions,
  planPath: string | undefined,
): Promise<string> {
  const { compile, diagnosticLines, warningLines } = await import('../../index.ts')
  const { modelPage } = await import('../../report/inspection/model-page.ts')
  const compiled = description.diagnostics.length === 0 && !description.open ? await compile(model, options) : undefined
  const plan = planPath === undefined ? undefined : await planOf(planPath, compiled?.report.kernels)
  const content: ModelPage = {
    name: basename(path, extname(path)),
    opsets: Object.entries(description.opsets)
      .map(([domain, version]) => `${domain} ${version}`)
      .join(', '),
    nodes: nodesOf(description, compiled?.report.kernels, plan),
    parameters: description.parameters,
    macs: description.macs,
    failures: description.diagnostics.map(diagnosticLines),
    warnings: [...description.warnings.map(warningLines), ...(description.open ? [openLines(description.open)] : [])],
    ...(compiled && { compiled: await summaryOf(compiled) }),
    ...(plan && { measured: placeOf(plan) }),
  }
  return modelPage(content)
}

async function summaryOf({ modules, report }: Compiled): Promise<NonNullable<ModelPage['compiled']>> {
  const module = modules['relaxed-simd'] ?? modules.simd!
  return {
    ...{ bytes: module.length, gzip: await gzipOf(module), memory: report.memory },
    ...{ weights: report.weights, arena: report.arena },
    moments: report.kernels.map(({ kernel, nodes, live }) => ({ label: nodes.at(-1) ?? kernel, live })),
  }
}

async function gzipOf(module: Uint8Array): Promise<number> {
  const { compressedSizes, thorough } = await import('../../bench/index.ts')
  return (await compressedSizes(module, thorough)).gzip
}

/** The plan, if its kernels are these. */
async function planOf(
  path: string,
  kernels: readonly Pick<KernelReport, 'nodes' | 'macs'>[] | undefined,
  target?: Target,
): Promise<PlanFile> {
  const { readPlan } = await import('../plan.ts')
  const { fail } = await import('../../index.ts')
  const plan = await readPlan(path, target && [target])
  const same =
    kernels?.length === plan.kernels.length &&
    kernels.every(({ nodes, macs }, i) => macs === plan.kernels[i]!.macs && `${nodes}` === `${plan.kernels[i]!.nodes}`)
  if (!same && kernels)
    fail('A501', `"${path}" has the times of another model`, {
      hint: 'measure this one: attar bench model.onnx --layers --plan plan.json',
    })
  return plan
}

const placeOf = ({ engine, target, machine }: PlanFile): string => `${target} on ${engine}, ${machine}`

/** A505 where the page could not be written. */
export async function checkPage(file: string): Promise<void> {
  const { checkWritable } = await import('../../data/files.ts')
  checkWritable(dirname(file), [basename(file)])
}

export async function writePage(file: string, page: string): Promise<void> {
  const { writeFiles } = await import('../../data/files.ts')
  writeFiles(dirname(file), { [basename(file)]: page })
}
