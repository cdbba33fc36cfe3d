import {
  abiVersion,
  targets,
  type Compiled,
  type Bound,
  type EntropyCodingReport,
  type KernelReport,
  type LimitSpec,
  type ModuleSpec,
  type PictureSpec,
  type TextSpec,
  type PortNames,
  type PortSpec,
  type RemovedChannels,
  type Report,
  type Signature,
  type SignatureReport,
  type SoundSpec,
  type Sparsity,
  type StateReport,
  type StateSpec,
  type Target,
} from './core/artefact/artefact.ts'
import { Budget, foldingAllowance, within } from './core/diagnostics/budget.ts'
import { fail, type Diagnostic } from './core/diagnostics/diagnostic.ts'
import { allNodesOf, countsOf, type Graph } from './core/graph.ts'
import { hash } from './core/bytes/hash.ts'
import type { PrunedReport } from './core/artefact/pruning-report.ts'
import type { QuantizationReport } from './core/artefact/quantization-report.ts'
import { bytesOf, typeBytes, type Tensor } from './core/tensor.ts'
import type { VocabularyReport } from './core/artefact/vocabulary-report.ts'
import { importEach, type ShapeBindings } from './onnx/import-each.ts'
import type { BatchedWriteOptions } from './onnx/write/index.ts'
import { runPasses, runPassesEach, simplify } from './passes/index.ts'
import { removedChannels } from './passes/channels/removed-channels.ts'
import { scheduleEach } from './schedule/lower/index.ts'
import { checkSignatures } from './schedule/lower/signatures.ts'
import { statesOf } from './schedule/lower/state-ports.ts'
export { statesOf }
import { align } from './schedule/memory/align.ts'
import { planTogether, type MemoryPlan } from './schedule/memory/plan.ts'
import {
  buffersOf,
  constantBytes,
  isIntegerTemplate,
  macsOf,
  type Kernel,
  type ProgramPort,
} from './schedule/program/program.ts'
import { version } from './version.ts'
import { emitCode, loadBinaryen, memoryOf, sectionsBehind, type Placed } from './wasm/emit.ts'
import { concatBytes } from './wasm/sections.ts'

export interface CompileOptions {
  /** Shapes of inputs by name, for inputs with symbolic dimensions. */
  readonly shapes?: Readonly<Record<string, readonly number[]>>
  /** Symbolic dimensions by name. */
  readonly dims?: Readonly<Record<string, number>>
  /** Of integers that lengths depend on, by name: the least and the greatest, one pair for all elements or one for each. */
  readonly bounds?: Readonly<Record<string, readonly Bound[]>>
  /**
   * Several shapes for one module, whose functions share the weights: of each what `shapes` and `dims` do not settle for all. A run takes the
   * first that its inputs' lengths fit.
   */
  readonly signatures?: readonly ShapeBindings[]
  /** Inputs that become constants. */
  readonly bind?: Readonly<Record<string, Tensor>>
  /**
   * Inputs that stay in the module between runs, by name, and the output that each becomes. They are neither inputs nor outputs
   * of the module, and start as zeros, or as what `stateStart` gives.
   */
  readonly state?: Readonly<Record<string, string>>
  readonly stateStart?: Readonly<Record<string, Tensor>>
  /** Targets to emit; both unless given. */
  readonly targets?: readonly Target[]
  /** Reads a file that the model names as its external data; `name` is relative, inside the model's folder. */
  readonly readExternal?: (name: string) => Uint8Array
  /**
   * Where constant weights of floats are stored without their zeros: where that is faster (`speed`, unless given), also where it is only
   * smaller (`size`), or nowhere (`off`).
   */
  readonly sparse?: Sparsity
  /** Constants are stored in Huffman codes where that takes fewer bytes; when the module starts it decodes them. */
  readonly entropyCode?: boolean
  /** The script takes pictures. The model's metadata has a complete preprocessing, and the output of scores has names of classes. */
  readonly pictures?: PictureSpec
  /** The model's graph takes a sound, as `withSound` makes it. */
  readonly sound?: SoundSpec
  /** The script takes texts, by a tokenizer that `artefacts` is given. */
  readonly text?: TextSpec
  /** Export each kernel as `kernel0`, `kernel1` … too, numbered as in the report: they can be timed apart. */
  readonly instrument?: boolean
  /** Called when a phase starts. */
  readonly onPhase?: (phase: string) => void
}

/** A model past the front end. */
export interface Imported {
  readonly graph: Graph
  readonly metadata: Readonly<Record<string, string>>
  readonly names?: PortNames
  readonly tensorNames?: ReadonlyMap<Tensor, string>
  /** What is odd about the model. */
  readonly warnings?: readonly Diagnostic[]
  /** How the graph came to be quantized, for the report. */
  readonly quantization?: QuantizationReport
  /** Which rows its tables of embeddings lost, for the report. */
  readonly vocabulary?: VocabularyReport
  /** What pruning took of it, for the report. */
  readonly pruning?: PrunedReport
  /** What went before it was quantized, for the report. */
  readonly removed?: readonly RemovedChannels[]
}

/** A model past the front end, or the same at several shapes. */
type Source = Imported | readonly Imported[]

/**
 * Compiles an ONNX model, or what `importModel` and others made of it; of a list, which is the same model at several shapes, one module.
 * Throws a CompileError with all diagnostics of the phase that failed.
 */
export async function compile(model: Uint8Array | Source, options: CompileOptions = {}): Promise<Compiled> {
  if (model instanceof Uint8Array) options.onPhase?.('import')
  const sources: readonly Imported[] = model instanceof Uint8Array ? importEach(model, options) : [model].flat()
  if (sources.length === 0) fail('A106', 'there is no model')
  const { graph: _, names: __, ...first } = sources[0]!
  return compileGraphs(sources, { ...options, ...first })
}

/** The layers of a model of which channels go. */
export const channelsThatGo = (graph: Graph): RemovedChannels[] => removedChannels(graph, runPasses(graph))

/** An ONNX model of what is left of the graph when it has been simplified; of a function, one for any batch size. */
export async function writeSimplified(
  source: Graph | ((batch: number) => Graph),
  options: BatchedWriteOptions,
): Promise<Uint8Array> {
  const { writeBatchedModel, writeModel } = await import('./onnx/write/index.ts')
  const simplified = (graph: Graph): Graph => within(new Budget(sizeOf(graph), foldingAllowance), () => simplify(graph))
  if (typeof source === 'function') return writeBatchedModel((batch) => simplified(source(batch)), options)
  return writeModel(simplified(source), options)
}

type GraphOptions = Omit<CompileOptions, 'shapes' | 'dims' | 'signatures' | 'readExternal'> &
  Omit<Imported, 'graph' | 'names' | 'metadata'> &
  Partial<Pick<Imported, 'metadata'>>

/** Compiles a core graph: the phases after the front end. */
export const compileGraph = (
  graph: Graph,
  { names, ...options }: GraphOptions & Pick<Imported, 'names'> = {},
): Promise<Compiled> => compileGraphs([{ graph, ...(names && { names }) }], options)

/** Compiles graphs of one model at several shapes into one module. */
async function compileGraphs(
  sources: readonly Pick<Imported, 'graph' | 'names'>[],
  options: GraphOptions,
): Promise<Compiled> {
  const phase = (name: string): void => options.onPhase?.(name)
  const stated = sources.map(({ graph, names }) => statesOf(graph, { ...options, ...(names && { names }) }))
  const states = stated[0]!
  const { structures, strings } = sources[0]!.names ?? {}
  checkSignatures(
    sources.map(({ graph }) => graph),
    states,
    { ...options, structures, strings },
  )
  phase('passes')
  const budget = new Budget(
    sources.reduce((sum, { graph }) => sum + sizeOf(graph), 0),
    foldingAllowance,
  )
  const optimized = within(budget, () => runPassesEach(sources.map(({ graph }) => graph)))
  phase('schedule')
  const programs = within(budget, () => scheduleEach(optimized, stated, options.sparse))
  const plans = planTogether(programs, { entropyCode: options.entropyCode })
  const [plan] = plans as [MemoryPlan]
  phase('emit')
  const binaryen = await loadBinaryen()
  const port = ({ name, dtype, shape, buffer }: ProgramPort): PortSpec => ({
    name,
    dtype,
    shape,
    address: plan.addresses.get(buffer)!,
  })
  const signatures = programs.map(({ inputs, outputs }, i): Signature & { readonly limits: readonly LimitSpec[] } => {
    const { names } = sources[i]!
    const graph = optimized[i]!
    const counts = countsOf(graph)
    const byName = new Map(outputs.map((output) => [output.name, output]))
    const addressOf = (name: string): number => port(byName.get(name)!).address
    const extents = new Map(graph.outputs.map((output) => [output.name, output.extents]))
    return {
      inputs: inputs.map((input) => ({ ...port(input), ...names?.inputs[input.name] })),
      outputs: outputs.flatMap((output): PortSpec[] => {
        if (counts.has(output.name)) return []
        const named = { ...port(output), ...names?.outputs[output.name] }
        const lengths = extents.get(output.name)?.map(({ axis, count }) => ({ axis, address: addressOf(count) }))
        return [lengths ? { ...named, extents: lengths } : named]
      }),
      limits: graph.outputs.flatMap(({ name, limit }): LimitSpec[] =>
        limit ? [{ name: limit.of, address: addressOf(name), bound: [limit.least, limit.most] }] : [],
      ),
    }
  })
  const { limits, ...first } = signatures[0]!
  const described = {
    attar: version,
    ...first,
    metadata: options.metadata ?? {},
    ...(signatures.length > 1 && { signatures: signatures.map(({ inputs, outputs }) => ({ inputs, outputs })) }),
    ...(options.pictures && { pictures: options.pictures }),
    ...(options.sound && { sound: options.sound }),
    ...(options.text && { text: options.text }),
    ...(structures && { structures }),
    ...(strings && { strings }),
    ...(limits.length > 0 && { limits }),
    ...(states.length > 0 && {
      states: programs[0]!.states.map((state): StateSpec => ({
        ...port(state),
        ...sources[0]!.names?.inputs[state.name],
        next: states.find(({ input }) => input === state.name)!.next,
      })),
    }),
  }
  const placed = programs.map((program, i) => ({ program, plan: plans[i]! }))
  const codes = (options.targets ?? targets).map((target) => {
    return [target, emitCode(binaryen, placed, target, options.instrument)] as const
  })
  const text = new TextEncoder().encode(JSON.stringify(described))
  const spec: ModuleSpec = {
    abi: abiVersion,
    hash: hash([text, plan.image, ...codes.map(([, code]) => code)]),
    ...described,
  }
  const sections = sectionsBehind(plan, spec)
  const modules: Compiled['modules'] = Object.fromEntries(
    codes.map(([target, code]) => [target, concatBytes([code, sections])]),
  )
  const { quantization, pruning, vocabulary, warnings = [] } = options
  const removed = [...(options.removed ?? []), ...removedChannels(sources[0]!.graph, optimized[0]!)]
  const stateReports = described.states?.map((state): StateReport => ({
    input: state.name,
    output: state.next,
    bytes: typeBytes(state),
  }))
  const facts = {
    ...(stateReports && { states: stateReports }),
    ...(removed.length > 0 && { removed }),
    ...(vocabulary && { vocabulary }),
    ...(pruning && { pruning }),
    ...(quantization && { quantization }),
  }
  return { modules, spec, warnings, report: { ...reportOf(placed), ...facts } }
}

/** Bytes of the constants in a graph and of what describes its nodes, in round figures. */
const sizeOf = (graph: Graph): number =>
  allNodesOf(graph).reduce((sum, node) => sum + 64 + (node.op === 'constant' ? bytesOf(node.attrs.value).length : 0), 0)

/** What a kernel is; of a loop that makes one call, such as that over the images of a batch, what it calls. */
function nameOf(kernel: Kernel): Pick<KernelReport, 'kernel' | 'relaxed'> {
  if (kernel.kind === 'loop' && kernel.body.length === 1) return nameOf(kernel.body[0]!)
  if (kernel.kind !== 'template') return { kernel: kernel.kind }
  const relaxed = kernel.dot ?? kernel.fused
  return { kernel: kernel.template, ...(relaxed && { relaxed }) }
}

/** Bytes in the module of the constants that each kernel is the first to read; what is in `seen` was read before. */
function weightsOf({ program: { kernels }, plan }: Placed, seen: Set<number>): number[] {
  const { addresses, halves, coded } = plan
  const shares = [
    ...halves.map(({ address, bytes }) => ({ address, bytes, share: 1 / 2 })),
    ...coded.map(({ address, lane, saved }) => ({ address, bytes: 2 * lane, share: 1 - saved / (2 * lane) })),
  ]
  const shareAt = (at: number): number =>
    shares.find(({ address, bytes }) => at >= address && at < address + bytes)?.share ?? 1
  return kernels.map((kernel) =>
    buffersOf(kernel).reduce((sum, buffer) => {
      const data = constantBytes(buffer)
      const address = addresses.get(buffer)!
      if (!data || seen.has(address)) return sum
      seen.add(address)
      return sum + Math.round(align(data.length) * shareAt(address))
    }, 0),
  )
}

function entropyCodingOf({ coded }: MemoryPlan): EntropyCodingReport {
  const bytes = coded.reduce((sum, { lane }) => sum + 2 * lane, 0)
  const saved = coded.reduce((sum, region) => sum + region.saved, 0)
  return { tables: coded.length, bytes, saved }
}

function signatureReport(placed: Placed, seen: Set<number>): SignatureReport {
  const { program, plan } = placed
  const weights = weightsOf(placed, seen)
  const kernels = program.kernels.map((kernel, i): KernelReport => {
    const skippedMacs = macsOf(kernel, (template) => template.skippedMacs ?? 0)
    return {
      ...nameOf(kernel),
      nodes: kernel.nodes,
      macs: macsOf(kernel),
      integerMacs: macsOf(kernel, ({ template, macs }) => (isIntegerTemplate(template) ? macs : 0)),
      dotMacs: macsOf(kernel, ({ dot, macs }) => (dot ? macs : 0)),
      ...(skippedMacs > 0 && { skippedMacs }),
      weights: weights[i]!,
      live: plan.live[i]!,
    }
  })
  const total = (of: (kernel: KernelReport) => number): number => kernels.reduce((sum, k) => sum + of(k), 0)
  return {
    arena: plan.arenaBytes,
    arenaLowerBound: plan.lowerBound,
    macs: total((k) => k.macs),
    integerMacs: total((k) => k.integerMacs),
    dotMacs: total((k) => k.dotMacs),
    kernels,
  }
}

function reportOf(programs: readonly Placed[]): Report {
  const seen = new Set<number>()
  const signatures = programs.map((placed) => signatureReport(placed, seen))
  const [{ arena: _, arenaLowerBound: __, ...first }] = signatures as [SignatureReport]
  const [{ plan }] = programs as readonly [Placed]
  const largest = (of: (i: number) => number): number => Math.max(...programs.map((_, i) => of(i)))
  return {
    weights: plan.constantBytes,
    ...(plan.coded.length > 0 && { entropyCoding: entropyCodingOf(plan) }),
    ...(plan.preparedBytes > 0 && { prepared: plan.preparedBytes }),
    state: plan.pinnedBytes,
    arena: largest((i) => signatures[i]!.arena),
    arenaLowerBound: largest((i) => signatures[i]!.arenaLowerBound),
    memory: memoryOf(programs.map((placed) => placed.plan)),
    ...first,
    ...(programs.length > 1 && { signatures }),
  }
}
