import {
  abiVersion,
  targets,
  type Compiled,
  type KernelReport,
  type ModuleSpec,
  type PortNames,
  type PortSpec,
  type RemovedChannels,
  type Report,
  type Target,
} from './core/artefact.ts'
import { countsOf, type Graph } from './core/graph.ts'
import type { QuantizationReport } from './core/quantization-report.ts'
import type { Tensor } from './core/tensor.ts'
import { importModel } from './onnx/import.ts'
import { runPasses } from './passes/index.ts'
import { removedChannels } from './passes/removed-channels.ts'
import { schedule } from './schedule/lower/index.ts'
import { planMemory, type MemoryPlan } from './schedule/plan-memory.ts'
import { isIntegerTemplate, macsOf, type Program, type ProgramPort } from './schedule/program.ts'
import { version } from './version.ts'
import { emitModule, loadBinaryen, pagesOf, sectionsBehind } from './wasm/emit.ts'

export interface CompileOptions {
  /** Shapes of inputs by name, for inputs with symbolic dimensions. */
  readonly shapes?: Readonly<Record<string, readonly number[]>>
  /** Symbolic dimensions by name. */
  readonly dims?: Readonly<Record<string, number>>
  /** Inputs that become constants. */
  readonly bind?: Readonly<Record<string, Tensor>>
  /** Targets to emit; both unless given. */
  readonly targets?: readonly Target[]
  /** Reads a file that the model names as its external data; `name` is relative, inside the model's folder. */
  readonly readExternal?: (name: string) => Uint8Array
  /** Export each kernel as `kernel0`, `kernel1` … too, numbered as in the report: they can be timed apart. */
  readonly instrument?: boolean
  /** Called when a phase starts. */
  readonly onPhase?: (phase: string) => void
  /** Called with each module as soon as it is made. */
  readonly onModule?: (target: Target, module: Uint8Array) => void
}

/** A model past the front end. */
export interface Imported {
  readonly graph: Graph
  readonly metadata: Readonly<Record<string, string>>
  readonly names?: PortNames
  /** How the graph came to be quantized, for the report. */
  readonly quantization?: QuantizationReport
  /** What went before it was quantized, for the report. */
  readonly removed?: readonly RemovedChannels[]
}

/** Compiles an ONNX model. Throws a CompileError with all diagnostics of the phase that failed. */
export async function compile(model: Uint8Array | Imported, options: CompileOptions = {}): Promise<Compiled> {
  if (!(model instanceof Uint8Array)) return compileGraph(model.graph, { ...options, ...model })
  options.onPhase?.('import')
  const { graph, metadata, names } = importModel(model, options)
  return compileGraph(graph, { ...options, metadata, names })
}

/** The layers of a model of which channels go. */
export const channelsThatGo = (graph: Graph): RemovedChannels[] => removedChannels(graph, runPasses(graph))

/** Compiles a core graph: the phases after the front end. */
export async function compileGraph(
  graph: Graph,
  options: Pick<CompileOptions, 'targets' | 'instrument' | 'onPhase' | 'onModule'> & {
    readonly metadata?: Readonly<Record<string, string>>
    readonly quantization?: QuantizationReport
    readonly removed?: readonly RemovedChannels[]
    readonly names?: PortNames
  } = {},
): Promise<Compiled> {
  const phase = (name: string): void => options.onPhase?.(name)
  phase('passes')
  const optimized = runPasses(graph)
  phase('schedule')
  const program = schedule(optimized)
  const plan = planMemory(program)
  phase('emit')
  const binaryen = await loadBinaryen()
  const port = ({ name, dtype, shape, buffer }: ProgramPort): PortSpec => ({
    name,
    dtype,
    shape,
    address: plan.addresses.get(buffer)!,
  })
  const counts = countsOf(optimized)
  const outputs = program.outputs.flatMap((output, i): PortSpec[] => {
    const { extent } = optimized.outputs[i]!
    if (counts.has(output.name)) return []
    const named = { ...port(output), ...options.names?.outputs[output.name] }
    if (!extent) return [named]
    const { address } = port(program.outputs.find(({ name }) => name === extent.count)!)
    return [{ ...named, extent: { axis: extent.axis, address } }]
  })
  const spec: ModuleSpec = {
    abi: abiVersion,
    attar: version,
    inputs: program.inputs.map((input) => ({ ...port(input), ...options.names?.inputs[input.name] })),
    outputs,
    metadata: options.metadata ?? {},
  }
  const wanted = options.targets ?? targets
  const sections = sectionsBehind(plan, spec)
  const modules: Compiled['modules'] = Object.fromEntries(
    wanted.map((target) => {
      const wasm = emitModule(binaryen, program, plan, target, sections, options.instrument)
      options.onModule?.(target, wasm)
      return [target, wasm]
    }),
  )
  const { quantization } = options
  const removed = [...(options.removed ?? []), ...removedChannels(graph, optimized)]
  const facts = { ...(removed.length > 0 && { removed }), ...(quantization && { quantization }) }
  return { modules, spec, report: { ...reportOf(program, plan), ...facts } }
}

function reportOf(program: Program, plan: MemoryPlan): Report {
  const kernels = program.kernels.map((kernel): KernelReport => ({
    kernel: kernel.kind === 'template' ? kernel.template : kernel.kind,
    ...(kernel.kind === 'template' && kernel.dot && { relaxed: kernel.dot }),
    nodes: kernel.nodes,
    macs: macsOf(kernel),
    integerMacs: macsOf(kernel, ({ template }) => isIntegerTemplate(template)),
    dotMacs: macsOf(kernel, ({ dot }) => dot !== undefined),
  }))
  const total = (of: (kernel: KernelReport) => number): number => kernels.reduce((sum, k) => sum + of(k), 0)
  return {
    weights: plan.constants.length,
    arena: plan.arenaBytes,
    arenaLowerBound: plan.lowerBound,
    memory: pagesOf(plan.totalBytes) * 65536,
    macs: total((k) => k.macs),
    integerMacs: total((k) => k.integerMacs),
    dotMacs: total((k) => k.dotMacs),
    kernels,
  }
}
