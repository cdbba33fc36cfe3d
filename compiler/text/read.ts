import * as v from 'valibot'
import type { AddedToken, Padding, Template, Truncation } from '../../runtime/text/tokenizer.ts'
import { flags } from '../../runtime/text/tokenizer.ts'
import { hash } from '../core/bytes/hash.ts'
import { malformed, unsupported } from './errors.ts'
import { modelCall, type TextModel } from './model.ts'
import { normalizerCalls } from './normalizers.ts'
import { call, type Call, type Value } from './plan.ts'
import { file as schema, type SimpleProcessorJson, type TokenizerJson } from './schema.ts'
import { splitterCalls } from './splitters.ts'

/** A tokenizer that was read: its parts as calls. */
export interface Tokenizer {
  /** The file, for messages. */
  readonly file: string
  /** Of the file's bytes. */
  readonly hash: string
  readonly kind: 'WordPiece' | 'WordLevel' | 'BPE' | 'Unigram'
  readonly model: Call
  readonly normalizers: readonly Call[]
  readonly splitters: readonly Call[]
  readonly added: readonly AddedToken[]
  readonly single: Template
  readonly pair: Template
  readonly truncation: Truncation | null
  readonly padding: Padding | null
  /** One more than the greatest id. */
  readonly size: number
  /** The id of a token for padding, where the file names one or has one of the usual names. */
  readonly padId: number | undefined
  /** What was not in the file, for people. */
  readonly assumed: string | undefined
}

/** Of JSON within JSON; what is deeper is no tokenizer. */
const deepest = 64
const padNames = ['[PAD]', '<pad>', '<|pad|>', '<PAD>', '[pad]']

/**
 * A tokenizer from the bytes of a `tokenizer.json` or a `vocab.txt` of BERT's; `file` is its name.
 * @throws CompileError A502 for a malformed file, A509 for what attar's tokenizers do not do; both with the place in the file.
 */
export function readTokenizer(bytes: Uint8Array, file: string): Tokenizer {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return malformed(file, '', 'it is not text in UTF-8')
  }
  const read = /^\s*\{/.test(text) ? fromJson(text, file) : fromVocabulary(text, file)
  return { ...read, hash: hash([bytes]) }
}

type Read = Omit<Tokenizer, 'hash'>

function fromJson(text: string, file: string): Read {
  if (depthOf(text) > deepest) malformed(file, '', `it has more than ${deepest} brackets within each other`)
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    malformed(file, '', `it is no JSON: ${String((error as Error).message).slice(0, 120)}`)
  }
  const found = v.safeParse(schema, typed(json), { abortPipeEarly: true })
  if (!found.success) return refuse(file, found.issues)
  return tokenizerOf(found.output, file)
}

/** Files of the first versions do not say of what type their model is. */
function typed(json: unknown): unknown {
  const { model } = json as { model?: Record<string, unknown> }
  if (typeof model !== 'object' || model === null || Object.hasOwn(model, 'type')) return json
  const type = Object.hasOwn(model, 'merges')
    ? 'BPE'
    : Array.isArray(model.vocab)
      ? 'Unigram'
      : Object.hasOwn(model, 'max_input_chars_per_word')
        ? 'WordPiece'
        : 'WordLevel'
  return { ...(json as object), model: { type, ...model } }
}

function refuse(file: string, issues: readonly v.BaseIssue<unknown>[]): never {
  const [issue] = issues as [v.BaseIssue<unknown>]
  const place = (v.getDotPath(issue) ?? '').replaceAll(/\.(\d+)(?=\.|$)/g, '[$1]')
  const isType = place.endsWith('.type') || place === 'type'
  const shown = (typeof issue.input === 'object' ? 'another value' : String(issue.received)).slice(0, 80)
  if (isType && typeof issue.input === 'string')
    unsupported(file, place, `${issue.input.slice(0, 40)}, which is not known`, `what is known: ${issue.expected}`)
  if (issue.type === 'strict_object' && issue.expected === 'never')
    unsupported(file, place, 'a setting that is not known', 'leave it out if it does not matter for ids')
  const isOwn = issue.type === 'custom' || issue.expected === null
  const wanted = isOwn ? issue.message : `expected ${issue.expected}, found ${shown}`
  return malformed(file, place, wanted.slice(0, 300))
}

function tokenizerOf(json: TokenizerJson, file: string): Read {
  const model = modelCall(file, json.model)
  const added = addedOf(file, json, model)
  const known = new Map([...model.ids, ...added.map(([text, id]) => [text, id] as const)])
  const { single, pair } = templatesOf(file, json.post_processor)
  const size = [...known.values()].reduce((most, id) => Math.max(most, id + 1), 0)
  const outside = [...single, ...pair].find(([, id]) => id >= size)
  if (outside) malformed(file, 'post_processor', `it adds the id ${outside[1]}, which no token has`)
  const padName = padNames.find((name) => known.has(name))
  return {
    file,
    kind: json.model.type,
    model: model.call,
    normalizers: json.normalizer ? normalizerCalls(file, 'normalizer', json.normalizer) : [],
    splitters: json.pre_tokenizer ? splitterCalls(file, 'pre_tokenizer', json.pre_tokenizer) : [],
    ...{ added, single, pair, size },
    truncation: truncationOf(file, json, single, pair),
    padding: paddingOf(file, json),
    padId: json.padding?.pad_id ?? (padName === undefined ? undefined : known.get(padName)),
    assumed: undefined,
  }
}

function addedOf(file: string, json: TokenizerJson, { ids }: TextModel): AddedToken[] {
  const given = new Map(ids)
  // Special ones come first as they are looked for, but ids are given in the order of the file.
  const count = ids.size
  let last = -1
  return json.added_tokens.flatMap(({ id, content, single_word, lstrip, rstrip, normalized, special }, i) => {
    const place = `added_tokens[${i}]`
    if (content === '') return []
    if (/\p{Surrogate}/u.test(content)) malformed(file, place, 'its content has half of a character')
    const own = given.get(content) ?? (last >= count || count === 0 ? last + 1 : count)
    if (own !== id) {
      malformed(
        file,
        place,
        `${JSON.stringify(content.slice(0, 40))} has the id ${id}, and Hugging Face’s tokenizers give it ${own}`,
      )
    }
    last = Math.max(last, own)
    given.set(content, own)
    const flag = [
      [single_word, flags.word],
      [lstrip, flags.left],
      [rstrip, flags.right],
      [normalized, flags.normalized],
      [special, flags.special],
    ].reduce((sum, [is, value]) => sum + (is ? (value as number) : 0), 0)
    return [[content, id, flag] as const]
  })
}

const first = -1
const second = -2

/** What is put around one text, and around two. */
function templatesOf(file: string, json: TokenizerJson['post_processor']): { single: Template; pair: Template } {
  const all: SimpleProcessorJson[] = json === null ? [] : json.type === 'Sequence' ? json.processors : [json]
  // It changes no ids.
  const adding = all.filter(({ type }) => type !== 'ByteLevel')
  if (adding.length > 1)
    unsupported(
      file,
      'post_processor',
      'several that add ids',
      'give a tokenizer with one of TemplateProcessing, BertProcessing, RobertaProcessing',
    )
  const [one] = adding
  if (!one)
    return {
      single: [[0, first]],
      pair: [
        [0, first],
        [1, second],
      ],
    }
  if (one.type === 'BertProcessing') {
    const [[, sep], [, cls]] = [one.sep, one.cls]
    const single: Template = [
      [0, cls],
      [0, first],
      [0, sep],
    ]
    return { single, pair: [...single, [1, second], [1, sep]] }
  }
  if (one.type === 'RobertaProcessing') {
    const [[, sep], [, cls]] = [one.sep, one.cls]
    const single: Template = [
      [0, cls],
      [0, first],
      [0, sep],
    ]
    return { single, pair: [...single, [0, sep], [0, second], [0, sep]] }
  }
  if (one.type !== 'TemplateProcessing') throw new TypeError('no such processor')
  const template = (name: 'single' | 'pair'): Template =>
    one[name].flatMap((item, i): Template => {
      if ('Sequence' in item) return [[item.Sequence.type_id, item.Sequence.id === 'A' ? first : second]]
      const { id, type_id } = item.SpecialToken
      if (!Object.hasOwn(one.special_tokens, id))
        malformed(file, `post_processor.${name}[${i}]`, `${JSON.stringify(id.slice(0, 40))} is not in special_tokens`)
      return one.special_tokens[id]!.ids.map((each) => [type_id, each] as const)
    })
  const [single, pair] = [template('single'), template('pair')]
  const has = (all: Template, id: number): boolean => all.filter(([, each]) => each === id).length === 1
  if (!has(single, first) || single.some(([, id]) => id === second))
    unsupported(file, 'post_processor.single', 'a template without the text, or with it twice', 'give one with A once')
  if (!has(pair, first) || !has(pair, second))
    unsupported(file, 'post_processor.pair', 'a template without both texts once each', 'give one with A and B')
  return { single, pair }
}

function truncationOf(
  file: string,
  { truncation }: TokenizerJson,
  single: Template,
  pair: Template,
): Truncation | null {
  if (!truncation) return null
  const { max_length: length, strategy, direction } = truncation
  const most = Math.max(...[single, pair].map((all) => all.filter(([, id]) => id >= 0).length))
  if (length < most)
    malformed(file, 'truncation.max_length', `${length} ids have no room for the ${most} that are added`)
  return { length, strategy, isLeft: direction === 'Left' }
}

/** Nobody has a sequence of more. */
const longest = 2 ** 20

function paddingOf(file: string, { padding }: TokenizerJson): Padding | null {
  if (!padding) return null
  const { strategy, direction, pad_to_multiple_of, pad_id, pad_type_id } = padding
  const length = strategy === 'BatchLongest' ? 0 : strategy.Fixed
  const multiple = pad_to_multiple_of || 1
  if (Math.max(length, multiple) > longest) malformed(file, 'padding', `it makes texts longer than ${longest} ids`)
  return { id: pad_id, type: pad_type_id, length, multiple, isLeft: direction === 'Left' }
}

/** BERT's: a token on each line, its id the line's number. Whether it knows capitals is seen from the tokens. */
function fromVocabulary(text: string, file: string): Read {
  const lines = text
    .replace(/\r?\n$/, '')
    .split(/\r?\n/)
    .map((line) => line.trimEnd())
  const special = ['[UNK]', '[SEP]', '[CLS]', '[PAD]', '[MASK]']
  const missing = special.slice(0, 3).filter((token) => !lines.includes(token))
  if (missing.length > 0)
    malformed(file, '', `it is neither a tokenizer.json nor a vocabulary of BERT’s: no line is ${missing.join(' or ')}`)
  const vocab: Record<string, number> = Object.create(null) as Record<string, number>
  for (const [id, line] of lines.entries()) vocab[line] = id
  const lowercase = !lines.some((line) => !/^\[.*\]$/.test(line) && line !== line.toLowerCase())
  const marked = (token: string): [string, number] => [token, vocab[token]!]
  const json = v.parse(schema, {
    added_tokens: special
      .filter((token) => token in vocab)
      .map((content) => ({ id: vocab[content], content, normalized: false, special: true })),
    normalizer: { type: 'BertNormalizer', lowercase },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: { type: 'BertProcessing', sep: marked('[SEP]'), cls: marked('[CLS]') },
    model: { type: 'WordPiece', vocab },
  })
  const assumed = `${lowercase ? 'no token has a capital, so that texts are made lower case, without accents' : 'tokens have capitals, so that texts keep theirs'}; a tokenizer.json would say`
  return { ...tokenizerOf(json, file), assumed }
}

function depthOf(text: string): number {
  let [depth, most, isText] = [0, 0, false]
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (c === '"') isText = !isText
    else if (isText && c === '\\') i++
    else if (!isText && (c === '{' || c === '[')) most = Math.max(most, ++depth)
    else if (!isText && (c === '}' || c === ']')) depth--
  }
  return most
}

/** What makes the tokenizer. With `model`'s length, ids are cut and padded to it. */
export function tokenizerCall(t: Tokenizer): Call {
  const { model, added, single, pair, truncation, padding } = t
  const normalize = t.normalizers.length === 1 ? t.normalizers[0]! : call('inTurn', t.normalizers)
  const split =
    t.splitters.length === 1 ? t.splitters[0]! : t.splitters.length === 0 ? call('whole') : call('chain', t.splitters)
  return call('tokenizer', {
    ...{ model, normalize, split, added, single, pair },
    ...{ truncation: truncation as Value, padding: padding as Value },
  })
}
