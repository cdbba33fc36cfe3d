import { basename, dirname, extname } from 'node:path'
import type { Compiled, KernelReport } from '../index.ts'
import type { importOptions } from './options.ts'
import type { PlanFile } from '../config/plan.ts'
import type { ModelNode, ModelPage } from '../report/inspection/model-page.ts'
import type { ModulePage } from '../report/inspection/module-page.ts'
import type { ModelDescription } from './inspect-model.ts'
import type { ModuleDescription } from './inspect-module.ts'

/** A module as a page, with the times of the plan at `planPath`. A501 where the plan is of another model. */
export async function moduleHtml(
  path: string,
  module: Uint8Array,
  description: ModuleDescription,
  planPath: string | undefined,
): Promise<string> {
  const { fail, formatType, inspectModule } = await import('../index.ts')
  const { kernelsBeside, memoryBeside } = await import('./report-beside.ts')
  const { bytesOfKernels } = await import('./layer-bytes.ts')
  const { modulePage } = await import('../report/inspection/module-page.ts')
  const beside = kernelsBeside(path)
  const bytes = beside && bytesOfKernels(inspectModule(module), beside)
  const plan = planPath === undefined ? undefined : await planOf(planPath, beside)
  if (plan && !bytes) fail('A501', 'the times cannot be told apart: no report.json of the module stands beside it')
  const { spec } = description
  const port = (kind: string) => (each: (typeof spec.inputs)[number]) => [kind, each.name, formatType(each)] as const
  const content: ModulePage = {
    name: basename(path),
    ...{ bytes: description.bytes, gzip: await gzipOf(module), memory: description.memoryBytes },
    sections: description.sections,
    ports: [
      ...spec.inputs.map(port('input')),
      ...spec.outputs.map(port('output')),
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
  options: Awaited<ReturnType<typeof importOptions>>,
  planPath: string | undefined,
): Promise<string> {
  const { compile, diagnosticLines, warningLines } = await import('../index.ts')
  const { modelPage } = await import('../report/inspection/model-page.ts')
  const compiled = description.diagnostics.length === 0 ? await compile(model, options) : undefined
  const plan = planPath === undefined ? undefined : await planOf(planPath, compiled?.report.kernels)
  const content: ModelPage = {
    name: basename(path, extname(path)),
    opsets: Object.entries(description.opsets)
      .map(([domain, version]) => `${domain} ${version}`)
      .join(', '),
    nodes: nodesOf(description, compiled, plan),
    parameters: description.parameters,
    macs: description.macs,
    failures: description.diagnostics.map(diagnosticLines),
    warnings: description.warnings.map(warningLines),
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
  const { compressedSizes, thorough } = await import('../bench/index.ts')
  return (await compressedSizes(module, thorough)).gzip
}

/** The plan, if its kernels are these. */
async function planOf(
  path: string,
  kernels: readonly Pick<KernelReport, 'nodes' | 'macs'>[] | undefined,
): Promise<PlanFile> {
  const { readPlan } = await import('./plan.ts')
  const { fail } = await import('../index.ts')
  const plan = await readPlan(path)
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

/** Core operations that only say where a value's elements stand. */
const views = new Set(['reshape', 'transpose', 'slice', 'broadcast_in_dim', 'reverse', 'concatenate', 'pad'])

/** Operators that look at no element. */
const sizes = new Set(['Shape', 'Size'])

/** The model's inputs, nodes and outputs as rows of the page. */
function nodesOf(
  { inputs, outputs, layers }: ModelDescription,
  compiled: Compiled | undefined,
  plan: PlanFile | undefined,
): ModelNode[] {
  const kernels = compiled?.report.kernels ?? []
  const owned = ownersOf(kernels)
  const varying = new Set(inputs.map(({ name }) => name))
  const rows = layers.map((layer): ModelNode => {
    // Shapes are settled when the model is compiled.
    const depends = !sizes.has(layer.operator) && layer.inputs.some(({ name }) => varying.has(name))
    if (depends) layer.outputs.forEach(({ name }) => varying.add(name))
    const own = kernels.flatMap((_, i) => (owned[i] === layer.node ? [i] : []))
    const part = kernels.flatMap((kernel, i) => (computes(kernel, layer.node) ? [i] : []))
    const sum = (of: (i: number) => number): number => own.reduce((total, i) => total + of(i), 0)
    return {
      ...{ node: layer.node, operator: layer.operator, parameters: layer.parameters, macs: layer.macs },
      result: layer.outputs.map(({ type }) => type ?? '?').join(', '),
      reads: depends ? layer.inputs.map(({ name }) => name).filter((name) => varying.has(name)) : [],
      makes: layer.outputs.map(({ name }) => name).filter((name) => varying.has(name)),
      becomes: compiled ? fate(layer, depends, own, part, kernels, owned) : '?',
      ...(own.length > 0 && { bytes: sum((i) => kernels[i]!.weights) }),
      ...(own.length > 0 && plan && { ms: sum((i) => plan.kernels[i]!.ms) }),
    }
  })
  const end = { parameters: 0, macs: 0, becomes: '' }
  return [
    ...inputs.map((each) => ({
      ...{ node: each.name, operator: 'input', result: each.type ?? '?', reads: [], makes: [each.name], ...end },
    })),
    ...rows,
    ...outputs.map((each) => ({
      ...{ node: each.name, operator: 'output', result: each.type ?? '?', reads: [each.name], makes: [], ...end },
    })),
  ]
}

/** Nodes of subgraphs and functions have the names of those around them in front. */
const computes = ({ nodes }: Pick<KernelReport, 'nodes'>, node: string): boolean =>
  nodes.some((each) => each === node || each.startsWith(`${node}/`))

/** The node that each kernel is for: the first where it multiplies, since what follows is its epilogue, else the last. */
const ownersOf = (kernels: readonly KernelReport[]): (string | undefined)[] =>
  kernels.map(({ nodes, macs }) => (macs > 0 ? nodes[0] : nodes.at(-1)))

function fate(
  { core, channels }: ModelDescription['layers'][number],
  depends: boolean,
  own: readonly number[],
  part: readonly number[],
  kernels: readonly KernelReport[],
  owners: readonly (string | undefined)[],
): string {
  const kept = channels ? `, ${channels.after} of ${channels.before} channels kept` : ''
  const nameOf = (i: number): string => {
    const { kernel, relaxed } = kernels[i]!
    return relaxed === undefined ? kernel : `${kernel} (${relaxed})`
  }
  if (own.length > 0) return `${[...new Set(own.map(nameOf))].join(', ')}${kept}`
  if (part.length > 0)
    return `fused into ${[...new Set(part.map((i) => owners[i] ?? kernels[i]!.kernel))].join(', ')}${kept}`
  if (!depends) return 'known when compiled'
  if (core.length === 0) return 'passes its operand on'
  if (core.every((operation) => views.has(operation.split(' ')[0]!))) return 'a view'
  return 'within its neighbours'
}

/** A505 where the page could not be written. */
export async function checkPage(file: string): Promise<void> {
  const { checkWritable } = await import('../data/files.ts')
  checkWritable(dirname(file), [basename(file)])
}

export async function writePage(file: string, page: string): Promise<void> {
  const { writeFiles } = await import('../data/files.ts')
  writeFiles(dirname(file), { [basename(file)]: page })
}
