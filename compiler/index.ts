/**
 * attar as a library: what the command line, the bundler plugin and the benchmarks call, and nothing below it. Importing it
 * is cheap; the code generator is loaded by the first `compile`.
 *
 * @module attar
 */
import type { Progress, QuantizeOptions, Sample } from './compress/index.ts'
import type { PruneOnceOptions } from './compress/prune/index.ts'
import type { VocabularyOptions } from './compress/vocabulary/index.ts'
import { preprocessKey, quantizationKey, type Compiled, type RemovedChannels } from './core/artefact/artefact.ts'
import { fail } from './core/diagnostics/diagnostic.ts'
import type { Executor } from './core/executor.ts'
import type { Graph } from './core/graph.ts'
import type { FeatureOptions } from './features/index.ts'
import { importModel, type ImportOptions } from './onnx/import.ts'
import type { PrunedReport } from './core/artefact/pruning-report.ts'
import type { QuantizationReport } from './core/artefact/quantization-report.ts'
import type { BatchedWriteOptions } from './onnx/write/index.ts'
import type { CompileOptions, Imported } from './pipeline.ts'

export {
  abiVersion,
  activations,
  classesKey,
  kernelName,
  fixedLayersKey,
  preprocessKey,
  runName,
  signaturesOf,
  tokenizerKey,
  trainingKey,
  quantizationKey,
  sparsities,
  targets,
  type Activation,
  type BoxPart,
  type BoxSpec,
  type Compiled,
  type EntropyCodingReport,
  type KernelReport,
  type ModuleSpec,
  type PictureSpec,
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
  type TextSpec,
} from './core/artefact/artefact.ts'
export {
  codes,
  CompileError,
  diagnosticLines,
  fail,
  formatDiagnostic,
  warningLines,
  type Code,
  type Diagnostic,
  type Origin,
} from './core/diagnostics/diagnostic.ts'
export {
  encoderOf,
  encoderSource,
  readTokenizer,
  textInputs,
  tokenizerFiles,
  tokenizerFor,
  type TextInput,
  type Tokenizer,
} from './text/index.ts'
export { metricNeedsLabels, missingPackage, reasonOf } from './core/diagnostics/errors.ts'
export { byteSize, isBigInt, isFloat, type DType, type Scalar } from './core/scalar/dtype.ts'
export { evaluate, workOf } from './core/evaluate.ts'
export type { Executor, Run } from './core/executor.ts'
export { allNodesOf, nodesOf, type Graph, type Node } from './core/graph.ts'
export { printGraph } from './core/print.ts'
export {
  metrics,
  type Accuracy,
  type LayerReport,
  type Metric,
  type QuantizationReport,
  type RangeReport,
} from './core/artefact/quantization-report.ts'
export type { PrunedReport, PruningReport } from './core/artefact/pruning-report.ts'
export { elementCount, sameShape, type Shape } from './core/shape.ts'
export type { VocabularyReport } from './core/artefact/vocabulary-report.ts'
export type { Progress, Sample } from './compress/calibrate.ts'
export { doubts } from './compress/accuracy/doubt.ts'
export { prepareLabels } from './compress/accuracy/labels.ts'
export { accuracyOf, defaultMetric, measuredOutput, outputWidth, type Validation } from './compress/accuracy/metric.ts'
export {
  bytesOf,
  formatType,
  reader,
  sameType,
  tensorOf,
  toNumbers,
  type Tensor,
  zeros,
  type TensorType,
} from './core/tensor.ts'
export { inspectModule, type Inspection, type Section } from './inspect/index.ts'
export {
  decodeModel,
  decodeStrings,
  decodeTensor,
  decodeValue,
  type LazyTensor,
  type ModelProto,
  type NodeProto,
  type StoredValue,
  type ValueInfo,
} from './onnx/decode.ts'
export { importEach, type ShapeBindings } from './onnx/import-each.ts'
export { importModel, type ImportOptions } from './onnx/import.ts'
export type { StringTensor } from './onnx/stored-tensor.ts'
export { encodedPictures } from './onnx/boundary/encoded-pictures.ts'
export { elementName, flagName } from './onnx/boundary/structures.ts'
export { vocabularyOf } from './onnx/strings.ts'
export type { BatchedWriteOptions, WriteOptions } from './onnx/write/index.ts'
export { artefactNames, artefacts, checkName, isArtefact, moduleFile, searchFiles } from './package/index.ts'
export { completeFeatures, type FeatureOptions, type Features } from './features/index.ts'
export type { CompileOptions, Imported } from './pipeline.ts'
export { axesOf } from '../runtime/pixels.ts'
export { boxesIn, type Detection } from '../runtime/boxes.ts'
export { texted, type StringModel } from '../runtime/strings.ts'
export { ranked } from '../runtime/classes.ts'
export { sized, type SizedModel } from '../runtime/lengths.ts'
export { instantiate, target, type Model, type Output, type Source, type Spec, type View } from '../runtime/index.ts'

/**
 * The WebAssembly modules of an ONNX model, or of what `quantize` made of one, with what stands in them. Of a list, which is the same model
 * at several shapes, they hold all, with weights once. Throws a CompileError with all diagnostics of the phase that found any.
 */
export async function compile(
  model: Uint8Array | Imported | readonly Imported[],
  options: CompileOptions = {},
): Promise<Compiled> {
  const pipeline = await import('./pipeline.ts')
  return pipeline.compile(model, options)
}

/** What makes an input of sound: `--preprocess` of attar compile. */
export interface SoundOptions {
  readonly input: string
  /** Samples a second. */
  readonly rate: number
  readonly features: FeatureOptions
  /** Of a stream: how many times `hop` samples each run brings. Without it a run takes a whole sound. */
  readonly hops?: number | undefined
}

/** A model that takes sound, and the options that `compile` takes with it. */
export interface WithSound {
  readonly model: Imported
  readonly options: Required<Pick<CompileOptions, 'state' | 'stateStart' | 'sound'>>
}

/**
 * An imported or quantized model with sound for one of its inputs, f32[samples] under the same name: the features are part of the graph. Of a stream,
 * what it keeps between runs are states, which join those of `states`. A501 or A504 where the features do not go into the input.
 */
export async function withSound(
  model: Imported,
  { input, rate, features: given, hops }: SoundOptions,
  { state = {}, stateStart = {} }: Pick<CompileOptions, 'state' | 'stateStart'> = {},
): Promise<WithSound> {
  const features = await import('./features/index.ts')
  const { compiledExecutor } = await import('./execute.ts')
  const port = model.graph.inputs.find(({ name }) => name === input)
  if (!port) fail('A501', `the model has no input "${input}"`)
  const sound = { rate, features: features.completeFeatures(given, rate) }
  const found = await features.withSound(model.graph, port, sound, hops, compiledExecutor)
  const metadata = { ...model.metadata, [preprocessKey]: JSON.stringify(sound) }
  return {
    model: { ...model, graph: found.graph, metadata },
    options: {
      state: { ...state, ...found.state },
      stateStart: { ...stateStart, ...found.stateStart },
      sound: { input, rate, ...(hops !== undefined && { hops }) },
    },
  }
}

/** The layers of an imported model that lose channels when it is compiled: what is the same for every input, or not read. */
export async function removedChannels(graph: Graph): Promise<readonly RemovedChannels[]> {
  const pipeline = await import('./pipeline.ts')
  return pipeline.channelsThatGo(graph)
}

/**
 * The bytes of an ONNX model (opset 18, or later where a type needs it) that computes the graph: constants folded, batch normalizations
 * in the weights before them, channels that are always the same gone. Quantized layers stand between DequantizeLinear and QuantizeLinear,
 * with integers for weights. A function that gives the graph for a batch size makes a model for any, whose first axes are called
 * `dimension`. Throws a CompileError with everything that ONNX has no form for, or that a batch size is fixed in (A402).
 */
export async function writeModel(
  graph: Graph | ((batch: number) => Graph),
  options: BatchedWriteOptions = {},
): Promise<Uint8Array> {
  const pipeline = await import('./pipeline.ts')
  return pipeline.writeSimplified(graph, options)
}

/** The same of a graph for any batch size as it is: nothing is folded, so that its constants keep their names and places. */
export async function writeBatchedModel(
  graphOf: (batch: number) => Graph,
  options: BatchedWriteOptions = {},
): Promise<Uint8Array> {
  const write = await import('./onnx/write/index.ts')
  return write.writeBatchedModel(graphOf, options)
}

export interface QuantizeModelOptions extends ImportOptions, Omit<QuantizeOptions, 'executor'> {
  /** As for `compile`. Samples have values for these inputs too: `carryStates` gives them. */
  readonly state?: CompileOptions['state']
  /** What runs the model on the samples; compiled modules unless given. */
  readonly executor?: Executor
}

export interface CarryOptions extends Pick<CompileOptions, 'bind' | 'state' | 'stateStart'> {
  /** Of the samples, those at these places are given back, which ascend; all unless given. */
  readonly kept?: readonly number[]
  readonly names?: NonNullable<Imported['names']>
  readonly onProgress?: Progress
}

/**
 * Samples for quantizing a model with states: `samples` have values for all other inputs and are steps of one sequence. The model
 * runs on them, and each gets the states that its step starts from. Throws a CompileError A106 for wrong states.
 */
export async function carryStates(graph: Graph, samples: readonly Sample[], options: CarryOptions): Promise<Sample[]> {
  const { statesOf } = await import('./pipeline.ts')
  statesOf(graph, options)
  const compress = await import('./compress/index.ts')
  const { compiledExecutor } = await import('./execute.ts')
  const { state = {}, stateStart = {}, kept = samples.map((_, i) => i), onProgress } = options
  return compress.carryStates(graph, samples, state, stateStart, kept, compiledExecutor, onProgress)
}

export interface PruneModelOptions extends ImportOptions, Omit<PruneOnceOptions, 'executor' | 'measure'> {
  /** As for `compile`. Samples have values for these inputs too: `carryStates` gives them. */
  readonly state?: CompileOptions['state']
  /** What runs the model on the samples; compiled modules unless given. */
  readonly executor?: Executor
  /** Bytes of a graph when it is compiled, for `targets.size`; those of the larger module unless given. */
  readonly measure?: PruneOnceOptions['measure']
}

export interface PruneVocabularyOptions extends Omit<VocabularyOptions, 'executor'> {
  /** As for `compile`. */
  readonly state?: CompileOptions['state']
  readonly executor?: Executor
}

/** The inputs of an imported model by which rows of its tables are looked up: all that `pruneVocabulary` needs of samples. */
export async function idInputs(graph: Graph): Promise<readonly string[]> {
  const vocabulary = await import('./compress/vocabulary/index.ts')
  return vocabulary.idInputs(graph).map(({ name }) => name)
}

/**
 * An imported model whose tables of embeddings have only rows that samples read. It takes ids as they were, and finds their rows; or with
 * `newIds`, which says what becomes of ids and samples, it takes new ones and has no lookup. Throws a CompileError A506 where no row can go.
 */
export async function pruneVocabulary(model: ImportedModel, options: PruneVocabularyOptions) {
  const vocabulary = await import('./compress/vocabulary/index.ts')
  const executor = options.executor ?? (await import('./execute.ts')).compiledExecutor
  const judged = { ...model, graph: judgedFirst(model.graph, options.state) }
  const { model: found, kept, report } = await vocabulary.withVocabulary(judged, { ...options, executor })
  return {
    model: { ...found, vocabulary: report },
    newIds: () => vocabulary.withNewIds({ ...model, vocabulary: report }, kept),
  }
}

/** What `importModel` makes of a model. */
export type ImportedModel = ReturnType<typeof importModel>

/** A model past the front end, and what pruning took from it. */
export type Pruned = Imported & { readonly pruning: PrunedReport }

/**
 * A model with fewer channels, without training: weights that stay are as they were, and biases make up for the mean of what is gone
 * where there are calibration samples. `compile` and `quantize` take what comes back. Throws a CompileError where the targets cannot be reached.
 */
export async function prune(model: Uint8Array | ImportedModel, options: PruneModelOptions): Promise<Pruned> {
  const imported = model instanceof Uint8Array ? importModel(model, options) : model
  const { pruneOnce } = await import('./compress/prune/index.ts')
  const executor = options.executor ?? (await import('./execute.ts')).compiledExecutor
  const { graph, training, ...rest } = imported
  const { state } = options
  const measure = async (candidate: Graph): Promise<number> => {
    const { modules } = await compile({ ...rest, graph: candidate }, { ...(state && { state }) })
    return Math.max(...Object.values(modules).map(({ length }) => length))
  }
  const result = await pruneOnce(
    { graph: judgedFirst(graph, state), metadata: rest.metadata, training },
    { measure, ...options, executor },
  )
  return { ...rest, graph: result.graph, tensorNames: result.tensorNames, pruning: result.report }
}

/** The graph with outputs that become states behind the others: the first is what is judged by, if it can be, one that users see. */
function judgedFirst(graph: Graph, state: CompileOptions['state'] = {}): Graph {
  const nexts = new Set(Object.values(state))
  const isNext = ({ name }: { readonly name: string }): boolean => nexts.has(name)
  return { ...graph, outputs: [...graph.outputs.filter((port) => !isNext(port)), ...graph.outputs.filter(isNext)] }
}

/** A model past the front end, and how it was quantized. */
export type Quantized = Imported & { readonly quantization: QuantizationReport }

/**
 * A model with integers for its weights, and unless `mode` is `weights` for its activations, in ranges that its
 * values take on the calibration samples. `compile` takes what comes back. Throws a CompileError where the model or the
 * samples will not do.
 */
export async function quantize(model: Uint8Array | Graph, options: QuantizeModelOptions): Promise<Quantized> {
  const { graph, ...rest } = model instanceof Uint8Array ? importModel(model, options) : { graph: model, metadata: {} }
  const [quantized] = await quantizeEach([{ graph, ...rest }], options)
  return quantized!
}

/**
 * The same of one model at several shapes, as `compile` takes them: calibrated at the first, whose samples these are. All have the same integers
 * and scales. A506 also where the model has other operations at one shape than at another.
 */
export async function quantizeEach(
  models: readonly Imported[],
  options: QuantizeModelOptions,
): Promise<readonly Quantized[]> {
  const compress = await import('./compress/index.ts')
  const executor = options.executor ?? (await import('./execute.ts')).compiledExecutor
  const [first, ...rest] = models.map(({ graph }) => judgedFirst(graph, options.state))
  if (!first) fail('A501', 'there is no model')
  const { graph, report, removed, others } = await compress.quantizeEach([first, ...rest], { ...options, executor })
  return [graph, ...others].map((quantized, i) => {
    const { metadata: own, ...model } = models[i]!
    const metadata = { ...own, [quantizationKey]: options.mode }
    return { ...model, metadata, graph: quantized, quantization: report, removed }
  })
}
