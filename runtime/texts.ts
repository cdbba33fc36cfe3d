/** What scripts have beside the runtime whose models take texts: `attar compile --tokenizer`. */
import { ranked, type Choice, type Classification, type Scores } from './classes.ts'
import type { Model, Source, Spec, View } from './index.ts'
import type { Encode, EncodeOptions } from './text/tokenizer.ts'

/** Which inputs take what a text becomes, by their names, and what the output is. */
export interface TextSpec {
  readonly ids: string
  /** 1 where the ids are the text's, 0 where they are padding. */
  readonly mask?: string
  /** Which of two texts an id belongs to. */
  readonly types?: string
  /** The ids' places: 0, 1, 2 and so on. */
  readonly positions?: string
  readonly scores?: Scores
}

interface TextsSpec extends Spec {
  readonly text: TextSpec
}

export interface TextModel extends Model {
  /** A text as inputs of `run`, each a copy of its own. */
  encode(text: string, options?: EncodeOptions): Record<string, View>
  classify?(text: string, choice?: Choice & EncodeOptions): Classification[]
}

interface Exports {
  instantiate(source?: WebAssembly.Module | BufferSource): Model
  load(source?: Source | PromiseLike<Source>): Promise<Model>
}

/** What the script exports, with models that take texts. `encode` cuts and pads to the inputs' length. */
export function withTexts<T extends Exports>(exports: T, spec: TextsSpec, encode: Encode) {
  const { ids, mask, types, positions, scores } = spec.text
  const classes = spec.outputs.find(({ name }) => name === scores?.output)?.classes

  const extended = (model: Model): TextModel => {
    const inputs = (text: string, options?: EncodeOptions): Record<string, View> => {
      const encoded = encode(text, options)
      const made: Record<string, View> = {}
      const add = (name: string | undefined, values: readonly number[]): void => {
        if (name === undefined) return
        const view = model.inputs[name]!
        // As long as the values: encode cuts and fills up.
        const array = view.slice()
        for (const [i, value] of values.entries()) array[i] = typeof view[0] === 'bigint' ? BigInt(value) : value
        // Even `__proto__` is one of the object's own.
        Object.defineProperty(made, name, { enumerable: true, value: array })
      }
      add(ids, encoded.ids)
      add(mask, encoded.mask)
      add(types, encoded.types)
      add(
        positions,
        encoded.ids.map((_, i) => i),
      )
      return made
    }
    return {
      ...model,
      encode: inputs,
      ...(scores &&
        ({
          classify: (text, options) =>
            ranked(model.run(inputs(text, options))[scores.output] as View, classes!, scores.activation, options),
        } satisfies Partial<TextModel>)),
    }
  }

  return {
    ...exports,
    instantiate: (source?: WebAssembly.Module | BufferSource) => extended(exports.instantiate(source)),
    load: async (source?: Source | PromiseLike<Source>) => extended(await exports.load(source)),
  }
}
