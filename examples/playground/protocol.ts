/** What the page and its worker say to each other: calls with results, and progress in between. */
import type { PreprocessOptions } from '../../compiler/data/preprocess.ts'
import type { Activation, Code, Sparsity, Target } from '../../compiler/index.ts'

export interface PortInfo {
  readonly name: string
  /** e.g. `f32[batch,1,28,28]` */
  readonly type: string
}

/** What the form needs to know of a model before anything is settled. */
export interface Opened {
  readonly name: string
  readonly bytes: number
  readonly inputs: readonly PortInfo[]
  readonly outputs: readonly PortInfo[]
  /** Symbolic dimensions of inputs by name. */
  readonly dims: readonly string[]
  /** Inputs with dimensions that have not even a name. */
  readonly open: readonly string[]
  readonly likelyStates: readonly { readonly input: string; readonly output: string }[]
}

/** What `attar compile` has as options. */
export interface Choices {
  readonly dims: Readonly<Record<string, number>>
  readonly shapes: Readonly<Record<string, readonly number[]>>
  /** Inputs that become constants, as text. */
  readonly bind: Readonly<Record<string, string>>
  /** Inputs that stay in the module, and the output that each becomes; what they start as, as text. */
  readonly state: Readonly<Record<string, string>>
  readonly stateInit: Readonly<Record<string, string>>
  readonly quantize?: 'int8' | 'weights'
  readonly bits?: 4 | 8
  readonly calibration: readonly File[]
  readonly target: Target | 'both'
  readonly sparse: Sparsity
  readonly inline: boolean
  readonly preprocess: PreprocessOptions
  readonly pixels: boolean
  readonly classify?: Activation | true
  readonly classes?: readonly string[]
}

export interface ShownFile {
  readonly name: string
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly gzip: number
}

export interface CompiledModel {
  /** The model's inspection, with what became of each node. */
  readonly model: string
  readonly modules: readonly { readonly target: Target; readonly html: string }[]
  readonly files: readonly ShownFile[]
  readonly inputs: readonly PortInfo[]
  readonly notes: readonly string[]
  readonly ms: number
}

export interface ShownOutput {
  readonly name: string
  readonly type: string
  /** The first elements. */
  readonly values: readonly string[]
  readonly count: number
}

export interface Ran {
  readonly source: string
  readonly target: Target
  readonly outputs: readonly ShownOutput[]
  readonly classes?: readonly { readonly label: string; readonly score: number }[]
}

/** Milliseconds. */
export interface Timing {
  readonly target: Target
  readonly load: number
  readonly first: number
  readonly median: number
  readonly low: number
  readonly high: number
  readonly batches: number
  readonly each: number
}

export interface Failure {
  readonly code?: Code
  readonly kind?: string
  readonly place?: string
  readonly message: string
  readonly hint?: string
}

export interface Calls {
  open(files: readonly File[]): Opened
  compile(choices: Choices): CompiledModel
  /** On values of files, or random ones of a seed. */
  run(data: { readonly files: readonly File[]; readonly seed: number }): Ran
  measure(): readonly Timing[]
  /** One archive of files. */
  zip(files: readonly ShownFile[]): Uint8Array<ArrayBuffer>
}

export type Request = {
  [K in keyof Calls]: { readonly call: K; readonly argument: Parameters<Calls[K]>[0] }
}[keyof Calls]

export type Reply =
  | { readonly kind: 'progress'; readonly text: string }
  | { readonly kind: 'inspected'; readonly html: string }
  | { readonly kind: 'result'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly failures: readonly Failure[] }

/** What the artefacts of a model are called. */
export const nameOf = (file: string): string =>
  file
    .replace(/\.onnx$/i, '')
    .replace(/[^\w.-]+/g, '-')
    .replace(/^[.-]+/, '') || 'model'
