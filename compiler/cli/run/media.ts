import type { Image, PreprocessOptions, Sound } from '../../data/index.ts'
import type { ModuleSpec, Tensor } from '../../index.ts'
import { preprocessOptions, type PictureOptions } from '../compile/quantize-options.ts'

type Port = ModuleSpec['inputs'][number]

/** What a command says of pictures and sounds. */
export interface MediaOptions extends PictureOptions {
  readonly input?: Readonly<Record<string, string>>
}

/** A value of an input, and what of the file it leaves out or adds, or prepares otherwise than the model says. */
export interface Medium {
  readonly value: Tensor
  readonly notes: readonly string[]
}

/** Of a detector that runs on a picture from a file, the size of that. */
export async function sizeOfPicture(
  { pictures }: ModuleSpec,
  { input = {} }: MediaOptions,
): Promise<Image | undefined> {
  const file = pictures?.boxes && input[pictures.input]
  const { kindOfFile, readFile, readImage } = await import('../../data/index.ts')
  return file && kindOfFile(file) === 'pictures' ? readImage(readFile(file), `"${file}"`) : undefined
}

/** A picture or sound, prepared as those were that the model was compiled with. A501, A504 where it does not go into the input. */
export async function readMedium(spec: ModuleSpec, name: string, file: string, options: MediaOptions): Promise<Medium> {
  const { completePreprocess, imageTensor, kindOfFile, readFile, readImage, readWav, withoutEffect } =
    await import('../../data/index.ts')
  const { fail, warningLines } = await import('../../index.ts')
  const what = `"${file}"`
  const input = spec.inputs.find((port) => port.name === name)!
  const { given, all, warnings } = await preprocessOptions(options, spec.metadata)
  const kinds = Object.values(options.input ?? {}).flatMap((value) => kindOfFile(value) ?? [])
  const misfit = withoutEffect(given, kinds)
  if (misfit !== undefined) fail('A501', misfit)
  if (kindOfFile(file) === 'pictures') {
    const image = await readImage(readFile(file), what)
    const value = input.encoded
      ? await encodedPicture(image, input)
      : imageTensor(image, completePreprocess(all, input), input)
    return { value, notes: warnings.flatMap(warningLines) }
  }
  const heard = readWav(readFile(file), what)
  if (spec.sound?.input !== name) {
    const { value, notes } = await ofPlainInput(heard, what, input, all)
    return { value, notes: [...warnings.flatMap(warningLines), ...notes] }
  }
  if (Object.keys(given).length > 0)
    fail('A501', `${Object.keys(given).join(', ')}: the module says itself how it takes sounds`)
  return ofSoundInput(heard, what, input, spec.sound)
}

/** Pixels as an input takes them that the model would decode itself. A501 for a picture of another size. */
async function encodedPicture({ width, height, channels, data }: Image, { name, shape }: Port): Promise<Tensor> {
  const { fail } = await import('../../index.ts')
  if (height !== shape[0] || width !== shape[1])
    fail('A501', `input "${name}" takes a picture of ${shape[1]} × ${shape[0]} pixels, got ${width} × ${height}`)
  const at = (i: number): number => data[channels === 3 ? i : Math.floor(i / 3)]!
  return { dtype: 'u8', shape, data: Uint8Array.from({ length: width * height * 3 }, (_, i) => at(i)) }
}

/** For a module that was compiled with `--pcm`. Of a stream there are as many runs as the sound fills, and at least one. */
async function ofSoundInput(
  heard: Sound,
  what: string,
  input: Port,
  { rate, hops }: NonNullable<ModuleSpec['sound']>,
): Promise<Medium> {
  const { lengthAt, soundReader } = await import('../../data/index.ts')
  const size = input.shape[0]!
  const length = lengthAt(heard, rate)
  const runs = hops === undefined ? 1 : Math.max(1, Math.floor(length / size))
  const { read } = await soundReader({ rate }, { ...input, shape: [runs * size] })
  const value = read(heard, what)
  return {
    value: hops === undefined ? value : { ...value, shape: [runs, size] },
    notes: lengthNotes(what, length, rate, runs * size),
  }
}

/**
 * For an input of which the module itself computes no features. Where nothing says how a sound becomes it, it may take
 * samples or something else: then the sound must have as many samples as it has elements.
 */
async function ofPlainInput(heard: Sound, what: string, input: Port, all: PreprocessOptions): Promise<Medium> {
  const { completeSound, lengthAt, soundReader } = await import('../../data/index.ts')
  const { elementCount, fail, formatType } = await import('../../index.ts')
  const { rate = heard.rate, features } = all
  const isSaid = all.rate !== undefined || features !== undefined
  if (!isSaid && heard.length !== elementCount(input.shape))
    fail('A504', `${what} has ${heard.length} samples, input "${input.name}" takes ${formatType(input)}`, {
      hint: `if the input takes features of a sound, compile with --pcm, or say by --preprocess how they are made; if it takes samples, give so many as .npy, also [n,${input.shape.join(',')}] for several runs`,
    })
  const { samples, read } = await soundReader(completeSound(all, rate), input)
  return { value: read(heard, what), notes: lengthNotes(what, lengthAt(heard, rate), rate, samples) }
}

function lengthNotes(what: string, found: number, rate: number, taken: number): string[] {
  const begin = `${what} has ${found} samples at ${rate} Hz`
  if (found < taken) return [`${begin}, and ${taken} are taken: zeros stand behind it`]
  return found > taken ? [`${begin}: the first ${taken} are taken`] : []
}
