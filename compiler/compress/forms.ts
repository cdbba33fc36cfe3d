import type { Layer } from './layers.ts'
import type { QuantizeOptions } from './options.ts'

/**
 * How a layer is stored and computed. integers: operands and weights of 8 bits, sums of their products. weights, narrow:
 * arithmetic in f32 with weights of 8 or 4 bits. float: as it was.
 */
export type Form = 'integers' | 'narrow' | 'weights' | 'float'

/** Weights of fewer products for each result, or of fewer channels, keep 8 bits: they are few, and an error in one shows. */
const fewProducts = 32
const fewChannels = 4

/** The forms of a layer from what was asked for to what loses nothing, which is f32: each costs bytes or time for accuracy. */
export function formsOf({ weights, data }: Layer, { mode, bits }: Pick<QuantizeOptions, 'mode' | 'bits'>): Form[] {
  // What reads no activations, or no weights, has nothing between integers and f32.
  if (mode === 'int8') return weights && data.length > 0 ? ['integers', 'weights', 'float'] : ['integers', 'float']
  const { tensor, channels } = weights!
  const isNarrow = bits === 4 && tensor.data.length >= fewProducts * channels && channels >= fewChannels
  return isNarrow ? ['narrow', 'weights', 'float'] : ['weights', 'float']
}
