import { describe, expect, it } from 'vitest'
import { CompileError } from '../../compiler/core/diagnostics/diagnostic.ts'
import { encoderOf, readTokenizer } from '../../compiler/text/index.ts'

const base = { model: { type: 'WordPiece', vocab: { '[UNK]': 0, a: 1, '##a': 2 } } }

const read = (text: string) => readTokenizer(new TextEncoder().encode(text), 'tokenizer.json')

function refusal(json: unknown): string {
  try {
    read(typeof json === 'string' ? json : JSON.stringify(json))
  } catch (error) {
    if (!(error instanceof CompileError)) throw error
    const { code, message } = error.diagnostics[0]!
    return `${code} ${message}`
  }
  return 'taken'
}
const split = (Regex: string): object => ({
  ...base,
  pre_tokenizer: { type: 'Split', pattern: { Regex }, behavior: 'Isolated' },
})

const precompiled = (precompiled_charsmap: string): object => ({
  ...base,
  normalizer: { type: 'Precompiled', precompiled_charsmap },
})
/** A trie of these units, and one replacement, which is empty unless told. */
function table(units: Readonly<Record<number, number>>, replacement = ''): string {
  const count = Math.max(...Object.keys(units).map(Number)) + 1
  const words = Uint32Array.from({ length: count + 1 }, (_, i) => (i === 0 ? 4 * count : (units[i - 1] ?? 0)))
  return Buffer.concat([Buffer.from(words.buffer), Buffer.from(`${replacement}\0`)]).toString('base64')
}

describe('a tokenizer that cannot be made is refused, with the place', () => {
  it.each([
    [
      'a normalizer that is not known',
      { ...base, normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Foo' }] } },
      'A509',
      'normalizer.normalizers[1].type',
    ],
    [
      'a pre-tokenizer that is not known',
      { ...base, pre_tokenizer: { type: 'UnicodeScripts' } },
      'A509',
      'pre_tokenizer.type',
    ],
    ['a setting that is not known', { ...base, normalizer: { type: 'NFC', times: 2 } }, 'A509', 'normalizer.times'],
    [
      'SentencePiece’s table',
      { ...base, normalizer: { type: 'Precompiled', precompiled_charsmap: 'AAAA' } },
      'A502',
      'normalizer.precompiled_charsmap',
    ],
    ['a table that is not base64', precompiled('§'), 'A502', 'normalizer.precompiled_charsmap'],
    // Each unit is its own child by its label.
    ['a table with a cycle', precompiled(table({ 0: 0, 1: 1 | (1 << 10) })), 'A502', 'normalizer.precompiled_charsmap'],
    [
      'a table that reads outside',
      precompiled(table({ 1: 0x101 | (3 << 10), 2: 0x80000063 })),
      'A502',
      'a replacement is outside',
    ],
    [
      'a table whose keys share a long replacement',
      precompiled(
        table(
          Object.fromEntries([
            [0, 256 << 10],
            ...Array.from({ length: 100 }, (_, i) => [i + 1, 0x80000000]),
            ...Array.from({ length: 100 }, (_, i) => [256 ^ (i + 1), 0x100 | (i + 1) | (256 << 10)]),
          ]) as Record<number, number>,
          'x'.repeat(20_000),
        ),
      ),
      'A502',
      'its replacements are too long',
    ],
    [
      'a table of half a character',
      precompiled(table({ 0xe3: 0x1e3 | (0xe2 << 10), 1: 0x80000000 })),
      'A509',
      'a key that is half of a character',
    ],
    ['ids at random', { model: { type: 'BPE', dropout: 0.1, vocab: { a: 0 }, merges: [] } }, 'A509', 'model.dropout'],
    ['a setting of another type', { ...base, truncation: { max_length: 'x' } }, 'A502', 'truncation.max_length'],
    ['an unknown token that is none', { model: { type: 'WordPiece', vocab: { a: 0 } } }, 'A502', 'model.unk_token'],
    [
      'a merge of no tokens',
      { model: { type: 'BPE', vocab: { a: 0, b: 1 }, merges: ['a b'] } },
      'A502',
      'model.merges[0]',
    ],
    ['a merge that is none', { model: { type: 'BPE', vocab: { a: 0 }, merges: ['a'] } }, 'A502', 'model.merges[0]'],
    ['ids far apart', { model: { type: 'WordPiece', vocab: { '[UNK]': 0, a: 4e9 } } }, 'A502', 'model.vocab'],
    ['an id twice', { model: { type: 'WordPiece', vocab: { '[UNK]': 0, a: 0 } } }, 'A502', 'model.vocab'],
    ['half a character', '{"model":{"type":"WordPiece","vocab":{"[UNK]":0,"\\ud800":1}}}', 'A502', 'model.vocab'],
    ['an added token of another id', { ...base, added_tokens: [{ id: 9, content: 'new' }] }, 'A502', 'added_tokens[0]'],
    [
      'a template of what is no token',
      { ...base, post_processor: { type: 'BertProcessing', sep: ['x', 7], cls: ['y', 8] } },
      'A502',
      'post_processor',
    ],
    ['padding beyond measure', { ...base, padding: { strategy: { Fixed: 2e9 } } }, 'A502', 'padding'],
    ['too many brackets', `${'['.repeat(1e5)}`.replace('[', '{"a":['), 'A502', 'brackets'],
    ['no JSON', '{"model":', 'A502', 'JSON'],
    ['neither of the two', 'one\ntwo\n', 'A502', 'vocabulary'],
  ])('%s', (_, json, code, place) => {
    const found = refusal(json)
    expect(found).toMatch(new RegExp(`^${code} `))
    expect(found).toContain(place)
  })

  it.each([
    '(a+)+b',
    '(?:a|b*)*',
    '\\s*\\s*x',
    'a*',
    '(?>a)',
    'a++',
    '^a',
    '(?i:straße)',
    '(?i:off)',
    '[a&&b]',
    '\\p{Foo}',
    '\\1',
    '(a',
    'a)',
    '[a',
    '(?=a)+',
    'a{2000}',
    '(?i)a',
  ])('the pattern %s', (pattern) => expect(refusal(split(pattern))).toMatch(/^A509 .*pre_tokenizer\.pattern\.Regex/))
})

describe('what is hostile costs little', () => {
  it('keys of prototypes are tokens like others', () => {
    const { model } = base
    const vocab = JSON.parse('{"[UNK]":0,"__proto__":1,"constructor":2,"prototype":3}') as object
    const encode = encoderOf(
      read(JSON.stringify({ model: { ...model, vocab }, pre_tokenizer: { type: 'WhitespaceSplit' } })),
    )
    expect(encode('__proto__ constructor prototype toString').ids).toEqual([1, 2, 3, 0])
  })

  // Quadratic or worse algorithms would take minutes.
  it('long words are encoded in linear steps, or n log n', () => {
    const word = 'ab'.repeat(200_000)
    const bpe = { model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2, abab: 3 }, merges: ['a b', 'ab ab'] } }
    expect(encoderOf(read(JSON.stringify(bpe)))(word).ids).toHaveLength(100_000)
    const unigram = {
      model: {
        type: 'Unigram',
        unk_id: 0,
        vocab: [
          ['<unk>', 0],
          ['a', -1],
          ['b', -1],
          ['ab', -1.5],
        ],
      },
    }
    expect(encoderOf(read(JSON.stringify(unigram)))(word).ids).toHaveLength(200_000)
    const pieces = {
      model: { ...base.model, max_input_chars_per_word: 1e9, vocab: { '[UNK]': 0, a: 1, '##b': 2, '##a': 3 } },
    }
    expect(encoderOf(read(JSON.stringify(pieces)))(word).ids).toHaveLength(400_000)
  })
})
