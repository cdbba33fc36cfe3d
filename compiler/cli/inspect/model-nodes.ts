import type { PlanFile } from '../../config/plan.ts'
import type { KernelReport } from '../../index.ts'
import type { ModelNode } from '../../report/inspection/model-page.ts'
import type { ModelDescription } from './model.ts'

/** Core operations that only say where a value's elements stand. */
const views = new Set(['reshape', 'transpose', 'slice', 'broadcast_in_dim', 'reverse', 'concatenate', 'pad'])

/** Operators that look at no element. */
const sizes = new Set(['Shape', 'Size'])

/** The model's inputs, nodes and outputs as rows of its page, with the kernels that it was compiled to and their times, where these are known. */
export function nodesOf(
  { inputs, outputs, layers }: ModelDescription,
  compiled: readonly KernelReport[] | undefined,
  plan?: PlanFile,
): ModelNode[] {
  const kernels = compiled ?? []
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
