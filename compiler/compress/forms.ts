import type { Layer } from './layers.ts'
import type { QuantizeOptions } from './options.ts'
import type { Bits } from './weights.ts'

/**
 * How a layer is stored and computed. integers: operands and weights of 8 bits, sums of their products. weights, bits4, bits3:
 * arithmetic in f32 with weights of 8, 4 or 3 bits. float: as it was.
 */
export type Form = 'integers' | 'bits3' | 'bits4' | 'weights' | 'float'

/** Of the weights of a layer. */
export const bitsOfForm = { integers: 8, bits3: 3, bits4: 4, weights: 8, float: 32 } as const satisfies Readonly<
  Record<Form, Bits | 32>
>

/** Weights of fewer products for each result, or of fewer channels, keep 8 bits: they are few, and an error in one shows. */
const fewProducts = 32
const fewChannels = 4

/** The forms of a layer from what was asked for to what loses nothing, which is f32: each costs bytes or time for accuracy. */
export function formsOf({ weights, data }: Layer, { mode, bits = 8 }: Pick<QuantizeOptions, 'mode' | 'bits'>): Form[] {
  // What reads no activations, or no weights, has nothing between integers and f32.
  if (mode === 'int8') return weights && data.length > 0 ? ['integers', 'weights', 'float'] : ['integers', 'float']
  const { tensor, channels } = weights!
  const isNarrow = tensor.data.length >= fewProducts * channels && channels >= fewChannels
  const narrow = (['bits3', 'bits4'] as const).filter((form) => isNarrow && bits <= bitsOfForm[form])
  return [...narrow, 'weights', 'float']
}
