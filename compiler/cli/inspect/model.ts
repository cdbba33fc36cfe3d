import {
  allNodesOf,
  CompileError,
  decodeModel,
  elementCount,
  diagnosticLines,
  warningLines,
  formatType,
  importModel,
  removedChannels,
  workOf,
  type Diagnostic,
  type Graph,
  type ImportOptions,
  type LazyTensor,
  type Node,
  type NodeProto,
  type RemovedChannels,
  type TensorType,
  type ValueInfo,
} from '../../index.ts'
import { formatCount, formatTable, paragraphs } from '../format.ts'
import { openDimensions, openType, trials } from './open-dims.ts'
import { likelyStates, stateHint, type NamedType, type Pair } from '../state-hint.ts'

/** An ONNX node and what attar makes of it. */
export interface Layer {
  readonly node: string
  readonly operator: string
  readonly inputs: readonly Operand[]
  readonly outputs: readonly Operand[]
  readonly attributes: Readonly<Record<string, string>>
  /** Elements of the weights that it reads. */
  readonly parameters: number
  /** Multiply-accumulates of a run; null where the model can't be imported. */
  readonly macs: number | null
  /** Its output channels, where some go because they are the same for every input or nothing reads them. */
  readonly channels?: Pick<RemovedChannels, 'before' | 'after'>
  /** The core operations it became, e.g. `convolution f32[1,8,28,28]`. */
  readonly core: readonly string[]
}

export interface Operand {
  readonly name: string
  /** e.g. `f32[1,3,224,224]`, where it is known. */
  readonly type?: string
}

export interface ModelDescription {
  readonly opsets: Readonly<Record<string, number>>
  readonly inputs: readonly Operand[]
  readonly outputs: readonly Operand[]
  readonly layers: readonly Layer[]
  readonly parameters: number
  readonly macs: number | null
  /** Which dimensions have no size yet, so that only what does not depend on them is known. */
  readonly open?: Diagnostic
  /** Why the model can't be imported, so that shapes and MACs are not known. */
  readonly diagnostics: readonly Diagnostic[]
  readonly warnings: readonly Diagnostic[]
  /** Inputs, and outputs that look as if they were for the next run. */
  readonly likelyStates: readonly Pair[]
}

/** A model's nodes in its own order. Throws the CompileError of a file that can't be decoded. */
export async function layersOf(bytes: Uint8Array, options: ImportOptions): Promise<ModelDescription> {
  const model = decodeModel(bytes, options.readExternal)
  const { graph } = model
  const { core, diagnostics: found, warnings, imported: source } = importedNodes(bytes, options)
  const inputs = graph.inputs.filter(({ name }) => !graph.initializers.has(name))
  const isOpen = found.length > 0 && found.every(({ code }) => code === 'A105')
  const tried = isOpen ? sizesTried(bytes, inputs, options) : undefined
  const diagnostics = isOpen ? (tried?.unsupported ?? []) : found
  const removed = new Map((source ? await removedChannels(source) : []).map((each) => [each.node, each]))
  const types = new Map<string, string>()
  const weights = new Map([...graph.initializers].map(([name, read]) => [name, typeIfReadable(read)] as const))
  for (const [name, type] of weights) types.set(name, type ? formatType(type) : 'unreadable')
  const parameters = (names: Iterable<string>): number =>
    [...names].reduce((sum, name) => sum + elementCount(weights.get(name)?.shape ?? [0]), 0)
  for (const info of inputs) types.set(info.name, declared(info))
  for (const node of graph.nodes) {
    const [output] = node.outputs
    const type = tried ? tried.typeOf(node.name) : formatted(resultOf(core, node.name))
    if (type !== undefined && output !== undefined && node.outputs.length === 1) types.set(output, type)
  }
  for (const info of graph.outputs) if (!types.has(info.name)) types.set(info.name, declared(info))
  const operand = (name: string): Operand => {
    const type = types.get(name)
    return type === undefined ? { name } : { name, type }
  }
  const imported = found.length === 0
  const layers = graph.nodes.map((node): Layer => {
    const nodes = core.get(node.name) ?? []
    return {
      node: node.name,
      operator: node.domain === '' ? node.operator : `${node.domain}.${node.operator}`,
      inputs: node.inputs.map(operand),
      outputs: node.outputs.map(operand),
      attributes: attributesOf(node),
      parameters: parameters(node.inputs),
      macs: imported ? nodes.reduce((sum, n) => sum + macsOf(n), 0) : null,
      ...channelsIn(removed, node.name),
      core: nodes.map((n) => `${n.op} ${n.results.map((r) => formatType(r.type)).join(', ')}`),
    }
  })
  return {
    opsets: Object.fromEntries([...model.opsets].map(([domain, version]) => [domain || 'ai.onnx', version])),
    inputs: inputs.map(({ name }) => operand(name)),
    outputs: graph.outputs.map(({ name }) => operand(name)),
    layers,
    parameters: parameters(weights.keys()),
    macs: imported ? layers.reduce((sum, { macs }) => sum + macs!, 0) : null,
    diagnostics,
    warnings,
    ...(isOpen && { open: found[0]! }),
    likelyStates: source
      ? likelyStates(source.inputs.map(typed), source.outputs.map(typed))
      : likelyStates(inputs.flatMap(typeIfDeclared), graph.outputs.flatMap(typeIfDeclared)),
  }
}

const typed = ({ name, value, extents }: Graph['outputs'][number]): NamedType => ({ name, extents, ...value.type })

const typeIfDeclared = ({ name, dtype, shape }: ValueInfo): NamedType[] =>
  dtype && shape ? [{ name, dtype, shape }] : []

const formatted = (type: TensorType | undefined): string | undefined => type && formatType(type)

/** The last result that a node's lowering made is what it outputs; a node that makes none passes its operand on. */
const resultOf = (core: ReadonlyMap<string, readonly Node[]>, node: string): TensorType | undefined =>
  core.get(node)?.at(-1)?.results[0]?.type

/** A model with open dimensions, imported with sizes for them: types of nodes' outputs with names in them, and the operators that attar lacks. */
function sizesTried(bytes: Uint8Array, inputs: readonly ValueInfo[], options: ImportOptions) {
  const open = openDimensions(inputs, options)
  let unsupported: readonly Diagnostic[] = []
  for (const trial of open ? trials : []) {
    const sizes = open!.names.map(() => trial.first)
    const small = importedNodes(bytes, open!.optionsFor(sizes))
    unsupported = small.diagnostics.filter(({ code }) => code === 'A201')
    if (small.diagnostics.length > 0) continue
    const large = importedNodes(bytes, open!.optionsFor(sizes.map((size, i) => size * trial.factors[i]!)))
    if (large.diagnostics.length > 0) continue
    const typeOf = (node: string): string | undefined =>
      openType(resultOf(small.core, node), resultOf(large.core, node), open!.names, trial)
    return { typeOf, unsupported }
  }
  return { typeOf: () => undefined, unsupported }
}

/** The core nodes that each ONNX node became, those of its subgraphs and function body included. */
function importedNodes(
  bytes: Uint8Array,
  options: ImportOptions,
): {
  core: Map<string, Node[]>
  diagnostics: readonly Diagnostic[]
  warnings: readonly Diagnostic[]
  imported?: Graph
} {
  const core = new Map<string, Node[]>()
  try {
    const { graph: imported, warnings } = importModel(bytes, options)
    for (const node of allNodesOf(imported)) {
      if (!node.origin || node.op === 'constant') continue
      const name = node.origin.node.split('/')
      // Names may have slashes of their own, so all beginnings are candidates.
      for (let parts = name.length; parts > 0; parts--) {
        const key = name.slice(0, parts).join('/')
        const known = core.get(key)
        if (known) known.push(node)
        else core.set(key, [node])
      }
    }
    return { core, diagnostics: [], warnings, imported }
  } catch (error) {
    if (!(error instanceof CompileError)) throw error
    return { core, diagnostics: error.diagnostics, warnings: [] }
  }
}

/** What a file beside the model lacks is among the importer's diagnostics. */
function typeIfReadable(read: LazyTensor): TensorType | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof CompileError) return undefined
    throw error
  }
}

function channelsIn(removed: ReadonlyMap<string, RemovedChannels>, name: string): Pick<Layer, 'channels'> {
  const found = removed.get(name)
  return found ? { channels: { before: found.before, after: found.after } } : {}
}

const macsOf = (node: Node): number => (node.op === 'convolution' || node.op === 'dot_general' ? workOf(node) : 0)

const declared = ({ typeName, dtype, shape }: ValueInfo): string =>
  `${dtype ?? typeName}[${shape ? shape.map((d) => d ?? '?').join(',') : '…'}]`

function attributesOf(node: NodeProto): Record<string, string> {
  const entries = [...node.attributes].map(([name, { kind, value }]) => {
    if (kind === 'tensor') return [name, formatType(value())] as const
    if (kind === 'graph') return [name, `graph of ${value.nodes.length} nodes`] as const
    if (kind === 'ints') return [name, `[${value.bigints().join(', ')}]`] as const
    if (kind === 'floats') return [name, `[${value.join(', ')}]`] as const
    return [name, Array.isArray(value) ? `[${value.join(', ')}]` : String(value)] as const
  })
  return Object.fromEntries(entries)
}

const count = (n: number | null): string => (n === null ? '?' : n === 0 ? '-' : formatCount(n))

const formatOperand = ({ name, type }: Operand): string =>
  name === '' ? '(omitted)' : `${name}${type === undefined ? '' : ` ${type}`}`

export function describeLayers(model: ModelDescription): string[] {
  const shows = model.layers.some(({ channels }) => channels)
  const rows = model.layers.map(({ node, operator, outputs, parameters, macs, channels }) => {
    const result = outputs.map(({ type }) => type ?? '?').join(', ')
    const row = [node, operator, result, count(parameters), count(macs)]
    return shows ? [...row, channels ? `${channels.before} → ${channels.after}` : ''] : row
  })
  const more = (cell: string): string[] => (shows ? [cell] : [])
  const header = ['node', 'operator', 'result', 'parameters', 'MACs', ...more('channels kept')]
  const total = [`${model.layers.length} nodes`, '', '', count(model.parameters), count(model.macs), ...more('')]
  const facts = [
    [
      'opset',
      Object.entries(model.opsets)
        .map(([domain, version]) => `${domain} ${version}`)
        .join(', '),
    ],
    ...model.inputs.map((input) => ['input', formatOperand(input)]),
    ...model.outputs.map((output) => ['output', formatOperand(output)]),
  ]
  const table = formatTable([header, ...rows, total], [1, 2])
  const hint = stateHint(model.likelyStates)
  return paragraphs([
    formatTable(facts, [1]),
    table,
    ...model.diagnostics.map(diagnosticLines),
    ...model.warnings.map(warningLines),
    ...(model.open ? [openLines(model.open)] : []),
    ...(hint.length > 0 ? [hint] : []),
  ])
}

/** What to give, to be shown the rest. */
export const openLines = ({ message, hint }: Diagnostic): string[] => [
  `${message}, so that some sizes and the multiply-adds are not known`,
  ...(hint ? [`hint: ${hint}`] : []),
]

export function describeNode({
  node,
  operator,
  inputs,
  outputs,
  attributes,
  parameters,
  macs,
  channels,
  core,
}: Layer): string[] {
  const facts = [
    ...inputs.map((operand) => ['input', formatOperand(operand)]),
    ...outputs.map((operand) => ['output', formatOperand(operand)]),
    ...Object.entries(attributes).map(([name, value]) => ['attribute', `${name} = ${value}`]),
    ['parameters', count(parameters)],
    ['MACs', count(macs)],
    ...(channels ? [['channels', `${channels.after} of ${channels.before} kept`]] : []),
    ...core.map((operation) => ['core', operation]),
  ]
  return [`${operator} "${node}"`, ...formatTable(facts, [1])]
}
