import type { Command } from 'commander'
import type { Diagnostic, Imported, ImportOptions, TextSpec, Tokenizer } from '../../index.ts'
import { notEmpty } from '../options.ts'
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
  readonly warnings: readonly Diagnostic[]
}> {
  const { tokenizer: path, classify } = options
  if (path === undefined) return { source, warnings: [] }
  const { importModel, readTokenizer, textInputs, tokenizerFor, tokenizerKey } = await import('../../index.ts')
  const { readFile } = await import('../../data/files.ts')
  const read = readTokenizer(readFile(path), path)
  const imported = source instanceof Uint8Array ? importModel(source, importing) : source
  const states = importing.state ?? {}
  const inputs = imported.graph.inputs
    .filter(({ name }) => !Object.hasOwn(states, name))
    .map(({ name, value }) => ({ name, ...value.type, range: imported.names?.inputs[name]?.range }))
  const { names, length } = textInputs(inputs, read, '--tokenizer')
  const tokenizer = tokenizerFor(read, length)
  const warnings = otherTokenizer(imported.metadata[tokenizerKey], read)
  if (classify === undefined) return { source: imported, text: names, tokenizer, warnings }
  const scored = await withScores(onnx, imported, { classify, classes: await givenClasses(options) }, states)
  return { source: scored.source, text: { ...names, scores: scored.scores }, tokenizer, warnings }
}

/** A510 for a model that was trained with another file. */
function otherTokenizer(trained: string | undefined, { file, hash }: Tokenizer): Diagnostic[] {
  if (trained === undefined || trained === hash) return []
  const message = `"${file}" is not the tokenizer that the model was trained with: its ids may mean other words`
  const hint =
    'give the file that the training was given; another copy of the same tokenizer, written in another way, is fine'
  return [{ code: 'A510', message, hint }]
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
