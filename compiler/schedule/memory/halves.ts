/**
 * Constants in half their bytes: f32 of which each is one of a format of 16 bits, as weights of float16 and bfloat16 models are,
 * stands in the module as that. Once, before anything runs, the module makes f32 of them where they are (`f32_from_f16`).
 */
import { fromBfloat16, fromHalf, toBfloat16, toHalf } from '../../core/half.ts'
import { storedBytes } from '../../core/zero-runs.ts'
import type { TemplateName } from '../templates.generated.ts'

/** A format of 16 bits, and what makes f32 of it. */
interface HalfFormat {
  readonly template: TemplateName
  readonly narrow: (value: number) => number
  readonly widen: (bits: number) => number
}

export const halfFormats = {
  f16: { template: 'f32_from_f16', narrow: toHalf, widen: fromHalf },
  bf16: { template: 'f32_from_bf16', narrow: toBfloat16, widen: fromBfloat16 },
} as const satisfies Readonly<Record<string, HalfFormat>>

export type HalfFormatName = keyof typeof halfFormats

/** Memory that is loaded with `bytes` / 4 floats of 16 bits, in its upper half. */
export interface HalfRegion {
  readonly format: HalfFormatName
  readonly address: number
  readonly bytes: number
}

/** Bytes that a format must save in all for its template, of some 200, to be worth it. */
export const leastSavedByHalves = 1024

/** The f32 as floats of 16 bits, in the format that has all of them; undefined where none has. */
export function asHalves(
  data: Uint8Array,
): { readonly format: HalfFormatName; readonly halves: Uint8Array } | undefined {
  const values = new Float32Array(new Uint8Array(data).buffer)
  for (const format of ['f16', 'bf16'] as const) {
    const { narrow, widen } = halfFormats[format]
    const halves = new Uint16Array(values.length)
    // NaN has more bits than its value.
    const fits = values.every((value, i) => {
      const bits = narrow(value)
      halves[i] = bits
      return Object.is(widen(bits), value) && !Number.isNaN(value)
    })
    if (fits) return { format, halves: new Uint8Array(halves.buffer) }
  }
  return undefined
}

/** Bytes of the module that it takes less. */
export const savedBy = (data: Uint8Array, halves: Uint8Array): number => storedBytes(data) - storedBytes(halves)
