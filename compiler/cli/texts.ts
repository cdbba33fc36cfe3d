import type { Command } from 'commander'
import type { Imported, ImportOptions, TextSpec, Tokenizer } from '../index.ts'
import { notEmpty } from './options.ts'
import { givenClasses, type ScoreOptions } from './score-options.ts'
import { withScores } from './scores.ts'

/** What of `attar compile` is for texts. */
export interface TokenizerOptions extends ScoreOptions {
  tokenizer?: string
}

export const addTokenizerOptions = (command: Command): Command =>
  command.option(
    '--tokenizer <file>',
    'the script takes texts, and makes inputs of them by this tokenizer.json, or vocab.txt of BERT’s',
    notEmpty,
  )

/** What is compiled, and what of texts stands in its specification, with what makes ids of them. `onnx` is the model's file. */
export async function textsOf(
  onnx: Uint8Array,
  source: Uint8Array | Imported,
  options: TokenizerOptions,
  importing: ImportOptions & { readonly state?: Readonly<Record<string, string>> | undefined },
): Promise<{
  readonly source: Uint8Array | Imported
  readonly text?: TextSpec
  readonly tokenizer?: Tokenizer
}> {
  const { tokenizer: path, classify } = options
  if (path === undefined) return { source }
  const { importModel, readTokenizer, textInputs, tokenizerFor } = await import('../index.ts')
  const { readFile } = await import('../data/files.ts')
  const read = readTokenizer(readFile(path), path)
  const imported = source instanceof Uint8Array ? importModel(source, importing) : source
  const states = importing.state ?? {}
  const inputs = imported.graph.inputs
    .filter(({ name }) => !Object.hasOwn(states, name))
    .map(({ name, value }) => ({ name, ...value.type, range: imported.names?.inputs[name]?.range }))
  const { names, length } = textInputs(inputs, read, '--tokenizer')
  const tokenizer = tokenizerFor(read, length)
  if (classify === undefined) return { source: imported, text: names, tokenizer }
  const scored = await withScores(onnx, imported, { classify, classes: await givenClasses(options) }, states)
  return { source: scored.source, text: { ...names, scores: scored.scores }, tokenizer }
}

/** For people: what the script does beside the module. */
export const describeTexts = ({ ids, scores, ...others }: TextSpec, tokenizer: Tokenizer): string[][] => [
  [
    'texts',
    '',
    `by ${tokenizer.kind} become "${ids}"${Object.values(others)
      .map((name) => `, "${name as string}"`)
      .join('')}${tokenizer.assumed === undefined ? '' : `: ${tokenizer.assumed}`}`,
  ],
  ...(scores
    ? [
        [
          'classes',
          '',
          `scores are ${scores.activation === 'none' ? 'the output' : `${scores.activation} of`} "${scores.output}"`,
        ],
      ]
    : []),
]
