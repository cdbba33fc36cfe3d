import type { Diagnostic } from '../diagnostics/diagnostic.ts'
import type { DType } from '../scalar/dtype.ts'
import type { PrunedReport } from './pruning-report.ts'
import type { QuantizationReport } from './quantization-report.ts'
import type { Shape } from '../shape.ts'
import type { VocabularyReport } from './vocabulary-report.ts'

/** Raised when a runtime of one version could misread a module of another. */
export const abiVersion = 3

/** Instruction sets: `simd` runs everywhere, `relaxed-simd` where the engine knows those opcodes. */
export const targets = ['simd', 'relaxed-simd'] as const
export type Target = (typeof targets)[number]

/** Where constant weights are stored without their zeros: where that is faster, also where it is only smaller, or nowhere. */
export const sparsities = ['speed', 'size', 'off'] as const
export type Sparsity = (typeof sparsities)[number]

/** The key of a model's metadata under which stands, as JSON, how pictures, sounds or rows of ids become its input. */
export const preprocessKey = 'preprocess'

/** The key under which stands the hash of the tokenizer's file that a model was trained with. */
export const tokenizerKey = 'tokenizer'

/** The key under which stand, as JSON, the names of the classes that a trained model tells apart, in order. */
export const classesKey = 'classes'

/** The key under which stand, as JSON, the names of layers whose stored tensors are tables, which training leaves alone. */
export const fixedLayersKey = 'fixedLayers'

/** The key under which stands the fingerprint of the training that made a model: of network, data and settings. */
export const trainingKey = 'training'

/** The key under which stands how attar quantized the model: `int8` or `weights`. */
export const quantizationKey = 'quantization'

/** A tensor at the module's boundary: row-major, contiguous, at a fixed address of the module's memory. */
export interface PortSpec {
  readonly name: string
  readonly dtype: DType
  readonly shape: Shape
  /** Byte address of the first element. */
  readonly address: number
  /**
   * Of an output whose size depends on data, for each such axis: after a run, the i32 at byte `address` tells how many elements
   * along `axis` count; `shape` is the greatest, and behind them stands padding.
   */
  readonly extents?: readonly { readonly axis: number; readonly address: number }[]
  /**
   * Of strings: the elements, i32, are places in this list. The runtime takes and gives the strings themselves; an input may
   * hold others too, at place -1.
   */
  readonly labels?: readonly string[]
  /**
   * Of an input whose integers are places in tables: the least and the greatest that are inside of all; negative ones count
   * from the end. For others the nearest place is taken.
   */
  readonly range?: readonly [low: number, high: number]
  /** Of an input that lengths depend on: the least and the greatest that an element may be; one pair for all, or one for each. */
  readonly bounds?: readonly Bound[]
  /** Of pixels, u8[height, width, 3], that the model itself would decode from a file of a picture. */
  readonly encoded?: true
  /** Of an output of scores whose classes the model names, and of an input that is a map: what its last axis runs over. */
  readonly classes?: readonly (string | number)[]
}

/** Tensors that the caller gives or gets as one array, by their names: ONNX's sequence. */
export interface SequenceSpec {
  readonly name: string
  readonly elements: readonly string[]
}

/** A tensor or sequence that the caller may leave out, or that a run may not give: `present` is the bool[] that tells whether it has a value. */
export interface OptionalSpec {
  readonly name: string
  readonly present: string
}

/** What inputs or outputs are to the caller besides tensors. */
export interface Structures {
  readonly sequences: readonly SequenceSpec[]
  readonly optionals: readonly OptionalSpec[]
}

export const stringOperations = [
  ...(['constant', 'output', 'concat', 'split', 'lengths', 'normalize', 'match', 'equal', 'number', 'text'] as const),
] as const

/** One step of what the script computes with strings: `to` is the name of its result, a tensor of strings or numbers. runtime/strings.ts says what each does. */
export interface StringStep {
  readonly op: (typeof stringOperations)[number]
  /** Inputs of strings, or results of other steps. */
  readonly args: readonly string[]
  readonly to: string
  /** Of a constant. */
  readonly strings?: readonly string[]
  readonly shape?: Shape
  /** What tells how: an output's name, a delimiter, a pattern, a dtype. */
  readonly how?: string
  /** The most splits. */
  readonly most?: number
  /** Strings that are left out, and whether their case counts. */
  readonly without?: readonly string[]
  readonly exact?: boolean
}

/** Of a model that computes with strings, which the script does: before a run for what the module takes, behind it for outputs. */
export interface StringsSpec {
  readonly inputs: readonly { readonly name: string; readonly shape: Shape }[]
  readonly steps: readonly StringStep[]
  /** Inputs of the module that the script gives, and what: nobody else sees them. */
  readonly given: readonly { readonly input: string; readonly value: string }[]
  /** Outputs of the module that only steps read. */
  readonly taken: readonly string[]
  /** Outputs that are strings, and what they are. */
  readonly outputs: readonly { readonly name: string; readonly value: string }[]
}

/** Both included. */
export type Bound = readonly [least: number, most: number]

/** A length that the model computes: after a run the i32 at byte `address` must be within the bound, or the outputs are wrong. */
export interface LimitSpec {
  readonly name: string
  readonly address: number
  readonly bound: Bound
}

/** What a run leaves for the next, by the name of the input that it takes the place of. It is loaded as it starts. */
export interface StateSpec extends PortSpec {
  /** The model's output that it becomes with each run. */
  readonly next: string
}

/** What a function of the module takes and gives: the model at one set of shapes. */
export interface Signature {
  readonly inputs: readonly PortSpec[]
  readonly outputs: readonly PortSpec[]
}

/** What the numbers of inputs and outputs stand for, by the names of these. */
export interface PortNames {
  readonly inputs: Readonly<Record<string, Pick<PortSpec, 'labels' | 'range' | 'bounds' | 'classes' | 'encoded'>>>
  readonly outputs: Readonly<Record<string, Pick<PortSpec, 'labels' | 'classes'>>>
  readonly structures?: ModuleSpec['structures']
  readonly strings?: StringsSpec
}

/** Of a model whose script takes pictures of any size, and perhaps names classes. How they become inputs stands in the metadata. */
export interface PictureSpec {
  /** The input that they are for. */
  readonly input: string
  /** The output with a number for each of its `classes`, and what makes scores of them. */
  readonly scores?: { readonly output: string; readonly activation: Activation }
  /** Of a detector. */
  readonly boxes?: BoxSpec
}

/** Where numbers of a detector stand: value j of box i is element start + i · row + j · column of an output. */
export interface BoxField {
  readonly output: string
  readonly start: number
  readonly row: number
  readonly column: number
}

/** `count` boxes in the same outputs, with a score for each class, or one and a class. */
export interface BoxPart {
  readonly count: number
  readonly boxes: BoxField
  readonly scores: BoxField
  readonly objectness?: BoxField
  readonly label?: BoxField
}

export const boxCodings = ['corners', 'centers', 'ssd', 'offsets'] as const

/** How a detector's numbers become boxes: runtime/boxes.ts. */
export interface BoxSpec {
  readonly parts: readonly BoxPart[]
  readonly coding: (typeof boxCodings)[number]
  readonly scale: readonly [x: number, y: number, width: number, height: number]
  readonly anchors?: readonly number[]
  readonly activation: Activation
  /** null is no thing, such as the background. */
  readonly classes: readonly (string | null)[]
  /** Whether overlapping boxes are gone already. */
  readonly suppressed?: boolean
}

/** Of a model whose module takes a sound, whose features it computes: the input, f32[samples]. How they become features stands in the metadata. */
export interface SoundSpec {
  readonly input: string
  /** Samples a second. */
  readonly rate: number
  /** Of a stream: how many pieces of it a run brings. Without it a run takes a whole sound. */
  readonly hops?: number
}

/** Of a model whose script takes texts: which inputs take what they become, and perhaps names of classes. */
export interface TextSpec {
  /** The input of ids. */
  readonly ids: string
  /** The input that tells ids from padding. */
  readonly mask?: string
  /** The input that tells the second text from the first. */
  readonly types?: string
  /** The input of the ids' places. */
  readonly positions?: string
  readonly scores?: PictureSpec['scores']
}

/** Scores of classes are the softmax of a model's numbers, the sigmoid of each, or the numbers themselves. */
export const activations = ['softmax', 'sigmoid', 'none'] as const
export type Activation = (typeof activations)[number]

/** What a caller must know of a module; stands as JSON in its custom section `attar`, equal in both targets' modules. `abi` and `hash` come first: the runtime reads no more. */
export interface ModuleSpec {
  readonly abi: number
  /** Of the code and weights of all modules of the compilation and of the rest of this: the runtime refuses another's module. */
  readonly hash: string
  /** Version of the compiler. */
  readonly attar: string
  readonly inputs: readonly PortSpec[]
  readonly outputs: readonly PortSpec[]
  /**
   * Where the model was compiled for several shapes, all of them, the first included, in the order they were given: ports of the same names
   * and types. The function at place i is exported as `run`, `run1`, `run2` …
   */
  readonly signatures?: readonly Signature[]
  /** Where the model was compiled with states. */
  readonly states?: readonly StateSpec[]
  readonly pictures?: PictureSpec
  readonly sound?: SoundSpec
  readonly text?: TextSpec
  /** Where the model's inputs or outputs are sequences or optionals, of whose tensors `inputs` and `outputs` tell. */
  readonly structures?: { readonly inputs: Structures; readonly outputs: Structures }
  /** Where the model computes with strings. */
  readonly strings?: StringsSpec
  /** Where the model was compiled with bounds of lengths that it computes. */
  readonly limits?: readonly LimitSpec[]
  /** The model's own key-value metadata, e.g. labels. */
  readonly metadata: Readonly<Record<string, string>>
}

/** What the function of a module is called that runs the model at the shape at place `i`. */
export const runName = (i: number): string => (i === 0 ? 'run' : `run${i}`)

/** What each function of a module takes and gives. */
export const signaturesOf = ({ signatures, inputs, outputs }: ModuleSpec): readonly Signature[] =>
  signatures ?? [{ inputs, outputs }]

/** Whether inputs or results must be checked against bounds, or outputs are of shapes that their length does not tell. */
export const hasLengths = ({ inputs, outputs, limits }: ModuleSpec): boolean =>
  limits !== undefined ||
  inputs.some(({ bounds }) => bounds !== undefined) ||
  outputs.some(({ extents }) => extents !== undefined && extents.length > 1)

/** Whether the model would decode files of pictures. */
export const hasEncoded = ({ inputs }: ModuleSpec): boolean => inputs.some(({ encoded }) => encoded)

/** A compiled model: one module for each target, and what stands in them. */
export interface Compiled {
  readonly modules: Partial<Record<Target, Uint8Array>>
  readonly spec: ModuleSpec
  readonly report: Report
  /** What is odd about the model. */
  readonly warnings: readonly Diagnostic[]
}

/** Facts for the user, in bytes. */
export interface Report {
  /** Bytes of constant data (packed weights) and of the memory shared by activations. */
  readonly weights: number
  /** Of constants that stand in the file in Huffman codes. */
  readonly entropyCoding?: EntropyCodingReport
  /** Bytes that the module fills from its weights when it starts: matrices that products read both ways round. Not given where it is 0. */
  readonly prepared?: number
  /** Bytes of states, which stay between runs; `states` has each, without what aligns them. */
  readonly state: number
  readonly states?: readonly StateReport[]
  readonly arena: number
  /** Largest sum of bytes alive at one time: no arena can be smaller. */
  readonly arenaLowerBound: number
  /** Whole memory of an instance: weights, arena and what alignment to wasm pages (64 KiB) adds. */
  readonly memory: number
  /** The sums of the kernels'. */
  readonly macs: number
  readonly integerMacs: number
  readonly dotMacs: number
  readonly kernels: readonly KernelReport[]
  /**
   * Of a model that was compiled for several shapes, what a run at each costs, the first included. `arena` and `arenaLowerBound` above are
   * the largest of theirs; MACs and kernels are those of the first.
   */
  readonly signatures?: readonly SignatureReport[]
  /** Layers of which channels went that are the same for every input or that nothing reads, if there are any. */
  readonly removed?: readonly RemovedChannels[]
  /** Of a model whose tables of embeddings lost rows as it was compiled. */
  readonly vocabulary?: VocabularyReport
  /** Of a model that was pruned as it was compiled. */
  readonly pruning?: PrunedReport
  /** Of a model that attar quantized. */
  readonly quantization?: QuantizationReport
}

/** What a model at one of several shapes costs. Weights of a kernel are those that no kernel of an earlier shape reads. */
export type SignatureReport = Pick<Report, 'arena' | 'arenaLowerBound' | 'macs' | 'integerMacs' | 'dotMacs' | 'kernels'>

export interface EntropyCodingReport {
  /** How many tables of codes there are: constants that are alike share one. */
  readonly tables: number
  /** Of these constants in memory. */
  readonly bytes: number
  /** How many fewer they take in the file, without what the decoder takes. */
  readonly saved: number
}

/** An input that stays in the module between runs, and the output that it becomes. */
export interface StateReport {
  readonly input: string
  readonly output: string
  readonly bytes: number
}

/** Output channels of a layer, by its node in the ONNX model. */
export interface RemovedChannels {
  readonly node: string
  readonly before: number
  readonly after: number
}

export interface KernelReport {
  /** What the kernel is: a template's name or `nest`. */
  readonly kernel: string
  /** Its name in the relaxed-simd module where that runs another one; of a dot product, on engines where that is exact. */
  readonly relaxed?: string
  /** The ONNX nodes it computes. */
  readonly nodes: readonly string[]
  /** Multiply-accumulates of one run. */
  readonly macs: number
  /** Those of them that are products of integers. */
  readonly integerMacs: number
  /** Those of these that the relaxed-simd module computes by the relaxed dot product. */
  readonly dotMacs: number
  /** Multiply-accumulates by weights that are zero, which it leaves out beside `macs`; not given where it leaves out none. */
  readonly skippedMacs?: number
  /** Bytes of constants that it reads and no kernel before it does; with padding, so that the sum is that of the report. */
  readonly weights: number
  /** Bytes of activations that are alive while it runs, at the fullest moment. */
  readonly live: number
}

/** What a kernel is in the module of `target`. */
export const kernelName = ({ kernel, relaxed }: Pick<KernelReport, 'kernel' | 'relaxed'>, target: Target): string =>
  (target === 'relaxed-simd' ? relaxed : undefined) ?? kernel
