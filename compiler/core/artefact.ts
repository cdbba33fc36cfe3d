import type { DType } from './dtype.ts'
import type { Shape } from './shape.ts'

/** Raised when a runtime of one version could misread a module of another. */
export const abiVersion = 1

/** Instruction sets: `simd` runs everywhere, `relaxed-simd` where the engine knows those opcodes. */
export const targets = ['simd', 'relaxed-simd'] as const
export type Target = (typeof targets)[number]

/** A tensor at the module's boundary: row-major, contiguous, at a fixed address of the module's memory. */
export interface PortSpec {
  readonly name: string
  readonly dtype: DType
  readonly shape: Shape
  /** Byte address of the first element. */
  readonly address: number
}

/** What a caller must know of a module; stands as JSON in its custom section `attar`, equal in both targets' modules. */
export interface ModuleSpec {
  readonly abi: number
  /** Version of the compiler. */
  readonly attar: string
  readonly inputs: readonly PortSpec[]
  readonly outputs: readonly PortSpec[]
  /** The model's own key-value metadata, e.g. labels. */
  readonly metadata: Readonly<Record<string, string>>
}
