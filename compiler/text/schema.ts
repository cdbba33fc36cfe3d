import * as v from 'valibot'

/** What a tokenizer.json holds, as Hugging Face's tokenizers 0.22 write and read it. A key that is not here might change ids: it is refused. */

const flag = v.boolean()
const text = v.string()
const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 31 - 1))
const maybe = <T extends v.GenericSchema>(schema: T) => v.optional(v.nullable(schema), null)
const character = v.pipe(
  text,
  v.check((t) => Array.from(t).length === 1, 'it is not one character'),
)
const record = <T>(name: string, is: (value: unknown) => value is T) => v.custom<T>(is, `it is not ${name}`)

/** Not v.record, which leaves words such as "constructor" out. */
const vocabulary = record('an object with an id for each token', (value): value is Readonly<Record<string, number>> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.values(value).every((id) => Number.isSafeInteger(id) && id >= 0)
})

const pattern = v.union([v.strictObject({ String: text }), v.strictObject({ Regex: text })])
export type Pattern = v.InferOutput<typeof pattern>

const isList = (value: unknown, of: (item: unknown) => boolean): boolean => Array.isArray(value) && value.every(of)
const isString = (value: unknown): value is string => typeof value === 'string'

// Many files have hundreds of thousands of each of these.
const merges = record(
  'a list of merges, "a b" or ["a", "b"]',
  (value): value is readonly (string | readonly [string, string])[] =>
    isList(value, (item) => isString(item) || (isList(item, isString) && (item as unknown[]).length === 2)),
)
const pieces = record('a list of [token, score]', (value): value is readonly (readonly [string, number])[] =>
  isList(value, (item) => {
    if (!Array.isArray(item) || item.length !== 2) return false
    const [token, score] = item as unknown[]
    return isString(token) && typeof score === 'number' && Number.isFinite(score)
  }),
)

const type = <T extends string>(name: T) => ({ type: v.literal(name) })

export interface NormalizerSequence {
  type: 'Sequence'
  normalizers: NormalizerJson[]
}
const simpleNormalizers = v.variant('type', [
  v.strictObject({
    ...type('BertNormalizer'),
    clean_text: v.optional(flag, true),
    handle_chinese_chars: v.optional(flag, true),
    strip_accents: maybe(flag),
    lowercase: v.optional(flag, true),
  }),
  ...(['NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase', 'StripAccents', 'Nmt', 'ByteLevel'] as const).map((name) =>
    v.strictObject(type(name)),
  ),
  v.strictObject({ ...type('Strip'), strip_left: v.optional(flag, true), strip_right: v.optional(flag, true) }),
  v.strictObject({ ...type('Prepend'), prepend: text }),
  v.strictObject({ ...type('Replace'), pattern, content: text }),
  v.strictObject({ ...type('Precompiled'), precompiled_charsmap: maybe(text) }),
])
export type NormalizerJson = NormalizerSequence | v.InferOutput<typeof simpleNormalizers>
export const normalizers: v.GenericSchema<unknown, NormalizerJson> = v.lazy((value) =>
  typeOf(value) === 'Sequence'
    ? v.strictObject({ ...type('Sequence'), normalizers: v.array(normalizers) })
    : (simpleNormalizers as v.GenericSchema<unknown, NormalizerJson>),
)

const behavior = v.picklist(['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'])
export interface SplitterSequence {
  type: 'Sequence'
  pretokenizers: SplitterJson[]
}
const simpleSplitters = v.variant('type', [
  v.strictObject({
    ...type('ByteLevel'),
    add_prefix_space: v.optional(flag, true),
    trim_offsets: v.optional(flag, true),
    use_regex: v.optional(flag, true),
  }),
  v.strictObject({
    ...type('Metaspace'),
    replacement: v.optional(character, '▁'),
    add_prefix_space: v.optional(flag),
    prepend_scheme: v.optional(v.picklist(['always', 'first', 'never'])),
    split: v.optional(flag, true),
    str_rep: v.optional(text),
  }),
  ...(['BertPreTokenizer', 'Whitespace', 'WhitespaceSplit'] as const).map((name) => v.strictObject(type(name))),
  v.strictObject({ ...type('Punctuation'), behavior: v.optional(behavior, 'Isolated') }),
  v.strictObject({ ...type('Digits'), individual_digits: v.optional(flag, false) }),
  v.strictObject({ ...type('CharDelimiterSplit'), delimiter: character }),
  v.strictObject({ ...type('Split'), pattern, behavior, invert: v.optional(flag, false) }),
])
export type SplitterJson = SplitterSequence | v.InferOutput<typeof simpleSplitters>
export const splitters: v.GenericSchema<unknown, SplitterJson> = v.lazy((value) =>
  typeOf(value) === 'Sequence'
    ? v.strictObject({ ...type('Sequence'), pretokenizers: v.array(splitters) })
    : (simpleSplitters as v.GenericSchema<unknown, SplitterJson>),
)

const marked = v.tuple([text, count])
const item = v.union([
  v.strictObject({ SpecialToken: v.strictObject({ id: text, type_id: count }) }),
  v.strictObject({ Sequence: v.strictObject({ id: v.picklist(['A', 'B']), type_id: count }) }),
])
const simpleProcessors = v.variant('type', [
  v.strictObject({
    ...type('TemplateProcessing'),
    single: v.array(item),
    pair: v.array(item),
    special_tokens: record(
      'an object with ids for each special token',
      (value): value is Readonly<Record<string, { readonly ids: readonly number[] }>> =>
        typeof value === 'object' &&
        value !== null &&
        Object.values(value).every((token) => {
          const ids = (token as { ids?: unknown } | null)?.ids
          return isList(ids, (id) => Number.isSafeInteger(id) && (id as number) >= 0)
        }),
    ),
  }),
  v.strictObject({ ...type('BertProcessing'), sep: marked, cls: marked }),
  v.strictObject({
    ...type('RobertaProcessing'),
    sep: marked,
    cls: marked,
    trim_offsets: v.optional(flag),
    add_prefix_space: v.optional(flag),
  }),
  v.strictObject({
    ...type('ByteLevel'),
    add_prefix_space: v.optional(flag),
    trim_offsets: v.optional(flag),
    use_regex: v.optional(flag),
  }),
])
export type SimpleProcessorJson = v.InferOutput<typeof simpleProcessors>
export const processors = v.lazy((value) =>
  typeOf(value) === 'Sequence'
    ? v.strictObject({ ...type('Sequence'), processors: v.array(simpleProcessors) })
    : simpleProcessors,
) as v.GenericSchema<unknown, SimpleProcessorJson | { type: 'Sequence'; processors: SimpleProcessorJson[] }>

export const models = v.variant('type', [
  v.strictObject({
    ...type('WordPiece'),
    unk_token: v.optional(text, '[UNK]'),
    continuing_subword_prefix: v.optional(text, '##'),
    max_input_chars_per_word: v.optional(count, 100),
    vocab: vocabulary,
  }),
  v.strictObject({ ...type('WordLevel'), unk_token: v.optional(text, '<unk>'), vocab: vocabulary }),
  v.strictObject({
    ...type('BPE'),
    dropout: maybe(v.number()),
    unk_token: maybe(text),
    continuing_subword_prefix: maybe(text),
    end_of_word_suffix: maybe(text),
    fuse_unk: v.optional(flag, false),
    byte_fallback: v.optional(flag, false),
    ignore_merges: v.optional(flag, false),
    vocab: vocabulary,
    merges,
  }),
  v.strictObject({
    ...type('Unigram'),
    unk_id: maybe(count),
    byte_fallback: v.optional(flag, false),
    vocab: pieces,
  }),
])
export type ModelJson = v.InferOutput<typeof models>

const added = v.strictObject({
  id: count,
  content: text,
  single_word: v.optional(flag, false),
  lstrip: v.optional(flag, false),
  rstrip: v.optional(flag, false),
  normalized: v.optional(flag, true),
  special: v.optional(flag, false),
})

const direction = v.optional(v.picklist(['Left', 'Right']), 'Right')
const truncation = v.strictObject({
  max_length: count,
  strategy: v.optional(v.picklist(['LongestFirst', 'OnlyFirst', 'OnlySecond']), 'LongestFirst'),
  stride: v.optional(count, 0),
  direction,
})
const padding = v.strictObject({
  strategy: v.union([v.literal('BatchLongest'), v.strictObject({ Fixed: count })]),
  direction,
  pad_to_multiple_of: maybe(count),
  pad_id: v.optional(count, 0),
  pad_type_id: v.optional(count, 0),
  pad_token: v.optional(text, '[PAD]'),
})

/** The file; what its decoder does is of no matter for ids. */
export const file = v.strictObject({
  version: v.optional(text),
  truncation: maybe(truncation),
  padding: maybe(padding),
  added_tokens: v.optional(v.array(added), []),
  normalizer: maybe(normalizers),
  pre_tokenizer: maybe(splitters),
  post_processor: maybe(processors),
  decoder: v.optional(v.unknown()),
  model: models,
})
export type TokenizerJson = v.InferOutput<typeof file>

const typeOf = (value: unknown): unknown =>
  typeof value === 'object' && value !== null ? (value as { type?: unknown }).type : undefined
