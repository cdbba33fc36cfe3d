import type { Encode } from '../../runtime/text/tokenizer.ts'
import { fail } from '../core/diagnostics/diagnostic.ts'
import { version } from '../version.ts'
import { partSources } from './parts.generated.ts'
import { called, evaluate, print } from './plan.ts'
import { tokenizerCall, type Tokenizer } from './read.ts'

export { textInputs, type TextInput } from './inputs.ts'
export { readTokenizer, type Tokenizer } from './read.ts'

/** The same for a model's inputs: ids are cut and filled up to `length`. A501 where no token is for filling up, or the length has no room for a text. */
export function tokenizerFor(tokenizer: Tokenizer, length: number): Tokenizer {
  const { file, truncation, padding, padId, single, pair } = tokenizer
  const id = padding?.id ?? padId
  if (id === undefined)
    fail('A501', `"${file}" does not say which token fills texts up to the model’s ${length} ids`, {
      hint: 'give it a "padding", or a token [PAD] or <pad>',
    })
  const added = Math.max(...[single, pair].map((all) => all.filter(([, each]) => each >= 0).length))
  const most = Math.min(length, truncation?.length ?? length)
  if (most <= added)
    fail('A501', `the model’s ${length} ids have no room for a text beside the ${added} that "${file}" adds`)
  return {
    ...tokenizer,
    truncation: { strategy: 'LongestFirst', isLeft: false, ...truncation, length: most },
    padding: { type: 0, isLeft: false, ...padding, id, length, multiple: 1 },
  }
}

/** The files of a tokenizer by itself: the ES module `NAME.js`, which imports nothing, and its types. */
export const tokenizerFiles = (tokenizer: Tokenizer, name: string): Record<string, string> => ({
  [`${name}.js`]: `// Compiled by attar ${version} from a tokenizer (${tokenizer.kind}); types in ${name}.d.ts
${encoderSource(tokenizer)}
export { encode }
`,
  [`${name}.d.ts`]: tokenizerTypes,
})

const tokenizerTypes = `// Types of a tokenizer that attar ${version} compiled.

/** Lists of one length, a number for each id. */
export interface Encoding {
  readonly ids: number[]
  /** Which of two texts an id belongs to, as the tokenizer says. */
  readonly types: number[]
  /** 1 for ids of the texts and 0 for those that fill up. */
  readonly mask: number[]
}

export interface EncodeOptions {
  /** A second text, such as the answer to a question. */
  readonly pair?: string
  /** Whether ids that mark the beginning, the end and so on are added: true unless it is false. */
  readonly special?: boolean
}

/** The ids of a text. Throws a TypeError for what is no text. */
export declare function encode(text: string, options?: EncodeOptions): Encoding
`

/** The tokenizer, in this process. */
export const encoderOf = (tokenizer: Tokenizer): Encode => evaluate(tokenizerCall(tokenizer)) as Encode

/** Statements that declare `encode`, with the parts that this tokenizer needs and no others. */
export function encoderSource(tokenizer: Tokenizer): string {
  const made = tokenizerCall(tokenizer)
  const sources = [...called(made)].sort().map((part) => partSources[part])
  return `let encode;{${sources.join('\n')}\nencode=${print(made)}}`
}
