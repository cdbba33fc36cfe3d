import type { CompileOptions, Diagnostic, Imported, PictureSpec, SoundSpec, TextSpec, Tokenizer } from '../../index.ts'
import { compressed, isCompressed } from './compressed.ts'
import type { ShapeOptions } from '../options.ts'
import { picturesOf, type PixelOptions } from '../processing/pictures.ts'
import type { StorageOptions } from '../module-options.ts'
import { preprocessOptions, type CompressCliOptions } from './quantize-options.ts'
import { soundIn, type SoundOptions } from '../processing/sound.ts'
import type { Terminal } from '../terminal.ts'
import { textsOf, type TokenizerOptions } from '../processing/texts.ts'

type Options = ShapeOptions & CompressCliOptions & StorageOptions & PixelOptions & SoundOptions & TokenizerOptions

/** What is compiled, and what stands in its specification of what its script takes. */
export interface Prepared {
  readonly source: Uint8Array | Imported | readonly Imported[]
  readonly options: Pick<CompileOptions, 'state' | 'stateStart'> & {
    readonly pictures?: PictureSpec
    readonly sound?: SoundSpec
    readonly text?: TextSpec
  }
  readonly tokenizer?: Tokenizer | undefined
  readonly warnings: readonly Diagnostic[]
}

/** The model as the options make it smaller, or as `found` is, with what its script takes. */
export async function preparedSource(
  model: Uint8Array,
  options: Options,
  importing: CompileOptions,
  terminal: Terminal,
  found?: Imported,
): Promise<Prepared> {
  const said = await otherPreprocessing(model, options)
  const smaller = found ?? (isCompressed(options) ? await compressed(model, options, importing, terminal) : model)
  // Scripts make inputs for one shape.
  if (Array.isArray(smaller)) return { source: smaller as readonly Imported[], options: {}, warnings: said }
  const { source: seen, pictures } = await picturesOf(model, smaller as Uint8Array | Imported, options, importing)
  const { source: heard, options: sound } = await soundIn(seen, options, importing)
  const { source, text, tokenizer, warnings } = await textsOf(model, heard, options, importing)
  return {
    source,
    options: { ...(pictures && { pictures }), ...sound, ...(text && { text }) },
    tokenizer,
    warnings: [...said, ...warnings],
  }
}

/** What the options say otherwise than the model as it came. */
async function otherPreprocessing(model: Uint8Array, options: Options): Promise<readonly Diagnostic[]> {
  const { preprocess, resize, fit, layout, channels, scale, mean, std } = options
  if ([preprocess, resize, fit, layout, channels, scale, mean, std].every((given) => given === undefined)) return []
  const { decodeModel } = await import('../../index.ts')
  return (await preprocessOptions(options, decodeModel(model).metadata)).warnings
}
