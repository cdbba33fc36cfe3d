/** Files that were dropped, as inputs of runs. */
import { completePreprocess, imageTensor, type PreprocessOptions } from '../../compiler/data/preprocess.ts'
import { readNpy } from '../../compiler/data/formats/npy.ts'
import { readNpz } from '../../compiler/data/formats/npz.ts'
import { splitSamples, type InputType } from '../../compiler/data/samples.ts'
import { fail, type Sample } from '../../compiler/index.ts'
import type { Picture } from '../../runtime/pictures.ts'

/** Runs beyond these are of no use to calibration. */
const mostSamples = 300
/** Browsers take no larger canvases. */
const mostPixels = 1 << 26

export interface Samples {
  readonly samples: readonly Sample[]
  /** Of pictures, the first of them as it is. */
  readonly picture?: Picture
  readonly notes: readonly string[]
}

const isArrays = ({ name }: File): boolean => /\.np[yz]$/i.test(name)

/** A502 and A504 for files that cannot be read or do not go with the inputs. */
export async function samplesOf(
  files: readonly File[],
  inputs: readonly InputType[],
  preprocess: PreprocessOptions,
): Promise<Samples> {
  const [first] = files
  if (!first) fail('A501', 'no data was given')
  if (!files.some(isArrays)) return picturesOf(files, inputs, preprocess)
  if (files.length > 1)
    fail('A501', `${files.length} files, of which some are arrays: give one .npz or .npy, or pictures alone`)
  const bytes = new Uint8Array(await first.arrayBuffer())
  const what = `"${first.name}"`
  const arrays = /\.npz$/i.test(first.name) ? readNpz(bytes, what) : { data: readNpy(bytes, what) }
  const notes: string[] = []
  return { samples: splitSamples(arrays, inputs, notes).samples.slice(0, mostSamples), notes }
}

async function picturesOf(
  files: readonly File[],
  inputs: readonly InputType[],
  preprocess: PreprocessOptions,
): Promise<Samples> {
  const [input, ...others] = inputs
  if (!input || others.length > 0)
    fail('A504', `pictures are for a model with one input, this one has ${inputs.length}`, {
      hint: 'give an .npz with an array for each input',
    })
  const complete = completePreprocess(preprocess, input)
  const samples: Sample[] = []
  let picture: Picture | undefined
  for (const file of files.slice(0, mostSamples)) {
    const pixels = await decoded(file)
    picture ??= pixels
    const { width, height, data } = pixels
    const rgb = new Uint8Array(width * height * 3)
    for (let i = 0, j = 0; i < data.length; i++) if (i % 4 < 3) rgb[j++] = data[i]!
    samples.push({ [input.name]: imageTensor({ width, height, channels: 3, data: rgb }, complete, input) })
  }
  return { samples, picture: picture!, notes: [] }
}

/** A picture as the browser reads it, its numbers as they stand in the file. */
async function decoded(file: File): Promise<Picture> {
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' }).catch(() =>
    fail('A502', `"${file.name}" is neither .npz nor .npy nor a picture that this browser can read`),
  )
  const { width, height } = bitmap
  if (width * height > mostPixels) fail('A301', `"${file.name}" has ${width} × ${height} pixels; the limit is 2^26`)
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!
  context.drawImage(bitmap, 0, 0)
  bitmap.close()
  return context.getImageData(0, 0, width, height)
}
