import { Option, type Command } from 'commander'
import type { CompileOptions, Imported, ImportOptions, SoundSpec } from '../../index.ts'
import { wholeNumber } from '../options.ts'
import { preprocessOptions, type PictureOptions } from '../compile/quantize-options.ts'

/** What of `attar compile` is for sound in. */
export interface SoundOptions extends PictureOptions {
  /** True where no input is named. */
  pcm?: string | true
  /** True for one hop. */
  stream?: number | true
}

export const addSoundOptions = (command: Command): Command =>
  command
    .option(
      '--pcm [input]',
      'the module takes sound, f32 samples from -1 to 1, and makes the input of it: spectrum, mel bands or MFCC, as "features" of --preprocess say',
    )
    .addOption(
      new Option(
        '--stream [hops]',
        'of --pcm: a run takes the newest samples of a stream, so many hops of the features (1), and answers for the last window',
      ).argParser(wholeNumber(1, 2 ** 16)),
    )

type States = Pick<CompileOptions, 'state' | 'stateStart'>

const listed = (ports: readonly { readonly name: string }[]): string =>
  ports.map(({ name }) => `"${name}"`).join(', ') || 'none'

/** What is compiled, and the options for that: as given, or where `--pcm` asks for it with sound in place of an input. A501, A504. */
export async function soundIn(
  source: Uint8Array | Imported,
  options: SoundOptions,
  importing: ImportOptions & States,
): Promise<{ readonly source: Uint8Array | Imported; readonly options: States & Pick<CompileOptions, 'sound'> }> {
  if (options.pcm === undefined) return { source, options: {} }
  const { fail, importModel, withSound } = await import('../../index.ts')
  const { withoutEffect } = await import('../../data/index.ts')
  const imported = source instanceof Uint8Array ? importModel(source, importing) : source
  const { state = {} } = importing
  const inputs = imported.graph.inputs.filter(({ name }) => !Object.hasOwn(state, name))
  const named = options.pcm === true ? undefined : options.pcm
  if (named === undefined && inputs.length > 1)
    fail('A501', `--pcm: the model has several inputs: name one of ${listed(inputs)}`)
  const input =
    named === undefined
      ? (inputs[0] ?? fail('A501', '--pcm: the model has no input'))
      : (inputs.find(({ name }) => name === named) ??
        fail('A501', `--pcm: the model has no input "${named}"; it has ${listed(inputs)}`))
  const { all } = await preprocessOptions(options, imported.metadata)
  const misfit = withoutEffect(all, ['sounds'])
  if (misfit !== undefined) fail('A501', misfit)
  const { rate, features } = all
  if (!features || rate === undefined)
    return fail('A501', `--pcm: nothing says how sound becomes "${input.name}"`, {
      hint: 'give --preprocess FILE with e.g. { "rate": 16000, "features": { "window": 400, "hop": 160, "mels": 40, "log": "ln", "add": 1e-6 } }, as the model was trained; a model that takes samples themselves needs no --pcm',
    })
  const hops = options.stream === true ? 1 : options.stream
  const found = await withSound(imported, { input: input.name, rate, features, hops }, importing)
  return { source: found.model, options: found.options }
}

/** For people: what the module does before the model. */
export function describeSound(
  { input, rate, hops }: SoundSpec,
  metadata: Readonly<Record<string, string>>,
): string[][] {
  const kind = hops === undefined ? 'a whole sound' : `a stream, ${hops === 1 ? 'a hop' : `${hops} hops`} a run`
  return [['sound', '', `"${input}" takes ${kind} at ${rate} Hz: ${metadata['preprocess']}`]]
}
