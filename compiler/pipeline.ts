import type { ModuleSpec, Target } from './core/artefact.ts'
import type { Tensor } from './core/tensor.ts'

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
  /** Called when a phase starts. */
  readonly onPhase?: (phase: string) => void
}

/** A compiled model: one module for each target, and what stands in them. */
export interface Compiled {
  readonly modules: Partial<Record<Target, Uint8Array>>
  readonly spec: ModuleSpec
  readonly report: Report
}

/** Facts for the user, in bytes. */
export interface Report {
  /** Bytes of constant data (packed weights) and of the memory shared by activations. */
  readonly weights: number
  readonly arena: number
  /** Whole memory of an instance: weights, arena and alignment, in wasm pages of 64 KiB. */
  readonly memory: number
  /** Multiply-accumulates of one run. */
  readonly macs: number
  readonly kernels: readonly KernelReport[]
}

export interface KernelReport {
  /** What the kernel is: a template's name or `nest`. */
  readonly kernel: string
  /** The ONNX nodes it computes. */
  readonly nodes: readonly string[]
  readonly macs: number
}
