/** What scripts have beside the runtime whose models take pictures and give classes: `attar compile --pixels`, `--classify`. */
import { ranked, type Choice, type Classification, type Scores } from './classes.ts'
import type { Model, Port, Source, Spec, View } from './index.ts'
import { eachValue, type Preprocess } from './pixels.ts'

/** What a model's specification has of its pictures. */
export interface PictureSpec {
  /** The name of the input that takes them; how, is in the metadata. */
  readonly input: string
  readonly scores?: Scores
}

interface PicturesSpec extends Spec {
  readonly pictures: PictureSpec
  readonly metadata: { readonly preprocess: string }
}

/** RGBA bytes, row by row: an `ImageData`, or what a decoder gives. Alpha is not looked at. */
export interface Picture {
  readonly width: number
  readonly height: number
  readonly data: Uint8ClampedArray | Uint8Array
}

export interface PictureModel extends Model {
  classify?(picture: Picture, choice?: Choice): Classification[]
}

interface Exports {
  instantiate(source?: WebAssembly.Module | BufferSource): Model
  load(source?: Source | PromiseLike<Source>): Promise<Model>
}

/** What the script exports, with models that take pictures. */
export function withPictures<T extends Exports>(exports: T, spec: PicturesSpec) {
  const { input, scores } = spec.pictures
  const port = spec.inputs.find(({ name }) => name === input)!
  const preprocess = JSON.parse(spec.metadata.preprocess) as Preprocess
  const classes = spec.outputs.find(({ name }) => name === scores?.output)?.classes

  const extended = (model: Model): PictureModel => {
    const run: Model['run'] = (inputs, options) => {
      if (!inputs || !Object.hasOwn(inputs, input)) return model.run(inputs, options)
      const given = inputs[input] as unknown as Picture | View
      // A view has none.
      const value = (given as Picture)?.width === undefined ? given : arrayOf(given as Picture, model.inputs[input]!)
      return model.run({ ...inputs, [input]: value as View }, options)
    }
    return {
      ...model,
      run,
      ...(scores &&
        ({
          classify(picture, choice) {
            const values = run({ [input]: arrayOf(picture, model.inputs[input]!) })[scores.output] as View
            return ranked(values, classes!, scores.activation, choice)
          },
        } satisfies Partial<PictureModel>)),
    }
  }

  function arrayOf(picture: Picture, view: View): View {
    const { width, height, data } = picture ?? {}
    if (!(width > 0 && height > 0 && data?.length === width * height * 4 && data.BYTES_PER_ELEMENT === 1))
      throw new TypeError(`attar: input "${input}" takes a picture { width, height, data } of RGBA bytes`)
    const values = new (view.constructor as new (length: number) => Float32Array)(view.length)
    const [low, high] = rangeOf(port, values)
    eachValue(picture, preprocess, port.shape, (place, value) => {
      values[place] = low === high ? value : Math.min(high, Math.max(low, Math.round(value)))
    })
    return values
  }

  return {
    ...exports,
    instantiate: (source?: WebAssembly.Module | BufferSource) => extended(exports.instantiate(source)),
    load: async (source?: Source | PromiseLike<Source>) => extended(await exports.load(source)),
  }
}

/** The least and the greatest integer of the port's type; of floats, twice the same. */
function rangeOf({ dtype }: Port, { BYTES_PER_ELEMENT }: { readonly BYTES_PER_ELEMENT: number }): [number, number] {
  const values = 2 ** (BYTES_PER_ELEMENT * 8)
  return dtype[0] === 'f' ? [0, 0] : dtype[0] === 'u' ? [0, values - 1] : [-values / 2, values / 2 - 1]
}
