import { bytesOf } from '../../runtime/text/split.ts'
import { nfkcMap } from './charsmap.ts'
import { byteAlphabet, merges, pieces, wordPieces } from './trained.ts'

const added = (id: number, content: string, more: object = {}): object => ({
  ...{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true },
  ...more,
})
const template = (cls: string, sep: string, ids: Record<string, number>): object => {
  const token = (id: string, type_id = 0): object => ({ SpecialToken: { id, type_id } })
  const text = (id: string, type_id = 0): object => ({ Sequence: { id, type_id } })
  return {
    type: 'TemplateProcessing',
    single: [token(cls), text('A'), token(sep)],
    pair: [token(cls), text('A'), token(sep), text('B', 1), token(sep, 1)],
    special_tokens: Object.fromEntries([cls, sep].map((id) => [id, { id, ids: [ids[id]], tokens: [id] }])),
  }
}
const cut = { max_length: 24, strategy: 'LongestFirst', stride: 0, direction: 'Right' }
const fill = { direction: 'Right', pad_to_multiple_of: 8, pad_id: 0, pad_type_id: 0, pad_token: '[PAD]' }

/** Tokenizers of each kind, in the forms of well-known ones. */
export function tokenizers(lines: readonly string[]): Record<string, object> {
  const whole = lines.map((line) => line.replace(/\p{Surrogate}/gu, '\ufffd'))
  const words = whole.flatMap((line) => line.split(/\s+/).filter(Boolean))
  const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']
  const bert = (lowercase: boolean): object => {
    const shown = lowercase
      ? words.map((w) =>
          w
            .normalize('NFD')
            .replace(/\p{Mn}/gu, '')
            .toLowerCase(),
        )
      : words
    const vocab = wordPieces(shown, special)
    return {
      version: '1.0',
      ...{ truncation: cut, padding: { strategy: lowercase ? { Fixed: 24 } : 'BatchLongest', ...fill } },
      added_tokens: [
        ...special.map((token, id) => added(id, token, token === '[MASK]' ? { lstrip: true } : {})),
        added(Object.keys(vocab).length, 'newword', { single_word: true, normalized: true, special: false }),
      ],
      normalizer: {
        type: 'BertNormalizer',
        clean_text: true,
        handle_chinese_chars: true,
        strip_accents: null,
        lowercase,
      },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      post_processor: template('[CLS]', '[SEP]', vocab),
      decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
      model: {
        type: 'WordPiece',
        unk_token: '[UNK]',
        continuing_subword_prefix: '##',
        max_input_chars_per_word: 100,
        vocab,
      },
    }
  }
  const ids = (tokens: readonly string[]): Record<string, number> =>
    Object.fromEntries([...new Set(tokens)].map((token, id) => [token, id]))
  const byteMerges = merges(
    words.map((word) => Array.from(bytesOf(` ${word}`))),
    1500,
  )
  const byteVocab = ids(['<s>', '<pad>', '</s>', '<unk>', ...byteAlphabet(), ...byteMerges.map(([a, b]) => a + b)])
  const byteLevel = (split: object, more: object = {}): object => ({
    version: '1.0',
    added_tokens: [added(0, '<s>'), added(2, '</s>', { lstrip: true, rstrip: true })],
    pre_tokenizer: split,
    model: { type: 'BPE', vocab: byteVocab, merges: byteMerges.map((pair) => pair.join(' ')) },
    ...more,
  })
  const marked = whole.map((line) => `▁${line.replaceAll(' ', '▁')}`)
  const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`)
  const markedMerges = merges(
    marked.map((line) => Array.from(line).slice(0, 60)),
    1200,
  )
  const known = [...new Set(Array.from(marked.slice(0, 60).join('')))]
  const joined = markedMerges.filter(([a, b]) => Array.from(a + b).every((c) => known.includes(c)))
  const llama = ids(['<unk>', '<s>', '</s>', ...bytes, ...known, ...joined.map(([a, b]) => a + b)])
  const unigramWords = whole.flatMap((line) => line.split(' ').map((word) => `▁${word}`))
  return {
    'WordPiece, cased': bert(false),
    'WordPiece, lower case': bert(true),
    'BPE of bytes, GPT-2': byteLevel({
      type: 'ByteLevel',
      add_prefix_space: false,
      trim_offsets: true,
      use_regex: true,
    }),
    'BPE of bytes, RoBERTa': byteLevel(
      { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true },
      {
        post_processor: {
          type: 'RobertaProcessing',
          sep: ['</s>', 2],
          cls: ['<s>', 0],
          trim_offsets: true,
          add_prefix_space: true,
        },
      },
    ),
    'BPE of bytes, GPT-4': byteLevel(
      {
        type: 'Sequence',
        pretokenizers: [
          {
            type: 'Split',
            pattern: {
              Regex:
                "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
            },
            behavior: 'Isolated',
            invert: false,
          },
          { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
        ],
      },
      { normalizer: { type: 'NFC' } },
    ),
    'BPE with bytes for the unknown, Llama': {
      version: '1.0',
      added_tokens: [added(0, '<unk>'), added(1, '<s>'), added(2, '</s>')],
      normalizer: {
        type: 'Sequence',
        normalizers: [
          { type: 'Prepend', prepend: '▁' },
          { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
        ],
      },
      pre_tokenizer: null,
      post_processor: template('<s>', '</s>', llama),
      model: { type: 'BPE', unk_token: '<unk>', fuse_unk: true, byte_fallback: true, vocab: llama, merges: joined },
    },
    'Unigram, NFKC': {
      version: '1.0',
      added_tokens: [added(0, '<unk>'), added(1, '<s>'), added(2, '</s>')],
      normalizer: {
        type: 'Sequence',
        normalizers: [
          { type: 'Nmt' },
          { type: 'NFKC' },
          { type: 'Strip', strip_left: false, strip_right: true },
          { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' },
        ],
      },
      pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: true },
      post_processor: template('<s>', '</s>', { '<s>': 1, '</s>': 2 }),
      model: {
        type: 'Unigram',
        unk_id: 0,
        byte_fallback: false,
        vocab: pieces(unigramWords, ['<unk>', '<s>', '</s>']),
      },
    },
    'Unigram, with SentencePiece’s table': {
      version: '1.0',
      added_tokens: [added(0, '<unk>'), added(1, '<s>'), added(2, '</s>')],
      normalizer: {
        type: 'Sequence',
        normalizers: [
          { type: 'Precompiled', precompiled_charsmap: nfkcMap(whole) },
          { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' },
        ],
      },
      pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
      post_processor: template('<s>', '</s>', { '<s>': 1, '</s>': 2 }),
      model: {
        type: 'Unigram',
        unk_id: 0,
        byte_fallback: false,
        vocab: pieces(unigramWords, ['<unk>', '<s>', '</s>']),
      },
    },
    'Words, digits and signs': {
      version: '1.0',
      added_tokens: [added(0, '[UNK]')],
      normalizer: { type: 'Sequence', normalizers: [{ type: 'NFD' }, { type: 'StripAccents' }, { type: 'Lowercase' }] },
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          { type: 'WhitespaceSplit' },
          { type: 'Punctuation', behavior: 'MergedWithPrevious' },
          { type: 'Digits', individual_digits: true },
          { type: 'Split', pattern: { String: 'a' }, behavior: 'MergedWithNext', invert: false },
        ],
      },
      post_processor: { type: 'BertProcessing', sep: ['[SEP]', 1], cls: ['[CLS]', 2] },
      model: {
        type: 'WordLevel',
        unk_token: '[UNK]',
        vocab: ids([
          '[UNK]',
          '[SEP]',
          '[CLS]',
          ...Object.keys(
            wordPieces(
              words.map((w) => w.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()),
              [],
            ),
          ),
        ]),
      },
    },
  }
}
