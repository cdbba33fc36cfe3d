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

/** Names that exporters give inputs, by what they take. */
const roles = {
  ids: /^(?:input[-_]?ids?|ids?|input|inputs|tokens?|token_ids|text|x)$/i,
  mask: /^(?:attention_mask|input_mask|mask)$/i,
  types: /^(?:token_type_ids|segment_ids|type_ids|segments)$/i,
  positions: /^(?:position_ids|positions)$/i,
} as const
type Role = keyof typeof roles

const idTypes: readonly string[] = ['i64', 'i32', 'u32', 'i16', 'u16', 'u64']
const maskTypes: readonly string[] = [...idTypes, 'i8', 'u8', 'f32', 'f64', 'bool']

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
  const { importModel, readTokenizer, tokenizerFor } = await import('../index.ts')
  const { readFile } = await import('../data/files.ts')
  const read = readTokenizer(readFile(path), path)
  const imported = source instanceof Uint8Array ? importModel(source, importing) : source
  const states = importing.state ?? {}
  const { names, length } = await inputsOf(imported, states)
  const tokenizer = tokenizerFor(read, length)
  if (classify === undefined) return { source: imported, text: names, tokenizer }
  const scored = await withScores(onnx, imported, { classify, classes: await givenClasses(options) }, states)
  return { source: scored.source, text: { ...names, scores: scored.scores }, tokenizer }
}

/** Which input takes what, and how many ids they have room for. A501 where that cannot be told, A504 where an input takes no ids of one text. */
async function inputsOf(
  { graph }: Imported,
  states: Readonly<Record<string, string>>,
): Promise<{ readonly names: TextSpec; readonly length: number }> {
  const { fail } = await import('../index.ts')
  const inputs = graph.inputs
    .filter(({ name }) => !Object.hasOwn(states, name))
    .map(({ name, value }) => ({ name, ...value.type }))
  const listed = inputs.map(({ name, dtype, shape }) => `"${name}" (${dtype}[${shape.join(',')}])`).join(', ') || 'none'
  const found = new Map<Role, string>()
  for (const { name, dtype, shape } of inputs) {
    const role = inputs.length === 1 ? 'ids' : (Object.keys(roles) as Role[]).find((each) => roles[each].test(name))
    if (role === undefined || found.has(role))
      return fail('A501', `--tokenizer: it cannot be told what input "${name}" takes of a text; inputs are ${listed}`, {
        hint: 'inputs are called input_ids, attention_mask, token_type_ids, position_ids; --bind makes others constants',
      })
    const types = role === 'mask' ? maskTypes : idTypes
    if (!types.includes(dtype))
      fail('A504', `--tokenizer: input "${name}" is ${dtype}; it would take ${types.join(', ')}`)
    if (!(shape.length > 0 && shape.length < 3 && shape.slice(0, -1).every((d) => d === 1)))
      fail('A504', `--tokenizer: input "${name}" is [${shape.join(',')}]; a text becomes [length] or [1,length]`, {
        hint: `give --shape ${name}=1,128, or another length that the model was made for`,
      })
    found.set(role, name)
  }
  const ids = found.get('ids') ?? fail('A501', `--tokenizer: no input takes ids; inputs are ${listed}`)
  const lengths = new Set(inputs.map(({ shape }) => shape.at(-1)!))
  if (lengths.size > 1) fail('A504', `--tokenizer: inputs are of several lengths: ${listed}`)
  return { names: { ids, ...Object.fromEntries(found) }, length: [...lengths][0]! }
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
