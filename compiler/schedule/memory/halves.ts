/**
 * Constants in half their bytes: f32 of which each is one of a format of 16 bits, as weights of float16 and bfloat16 models are,
 * stands in the module as that. Once, before anything runs, the module makes f32 of them where they are.
 */
import { asHalves, type HalfFormat } from '../../core/scalar/half.ts'
import { storedBytes } from '../../core/bytes/zero-runs.ts'
import type { TemplateName } from '../templates.generated.ts'

/** What makes f32 of a format. */
export const widening = {
  f16: 'f32_from_f16',
  bf16: 'f32_from_bf16',
} as const satisfies Readonly<Record<HalfFormat, TemplateName>>

/** Memory that is loaded with `bytes` / 4 floats of 16 bits, in its upper half. */
export interface HalfRegion {
  readonly format: HalfFormat
  readonly address: number
  readonly bytes: number
}

/** A constant as floats of 16 bits, and how many bytes of the module that saves; undefined where it is none, or saves nothing. */
export function halved(
  data: Uint8Array,
): { readonly format: HalfFormat; readonly data: Uint8Array; readonly saved: number } | undefined {
  const { buffer, byteOffset, byteLength } = data.byteOffset % 4 === 0 ? data : new Uint8Array(data)
  const found = asHalves(new Float32Array(buffer, byteOffset, byteLength / 4))
  if (!found) return undefined
  const half = new Uint8Array(found.halves.buffer)
  const saved = storedBytes(data) - storedBytes(half)
  return saved > 0 ? { format: found.format, data: half, saved } : undefined
}
