import { packNumbers, packTokens, toSteps } from '../../runtime/text/pack.ts'
import { bytesOf } from '../../runtime/text/split.ts'
import { malformed, unsupported } from './errors.ts'
import { call, type Call } from './plan.ts'
import type { ModelJson } from './schema.ts'

/** A model as a call, and its tokens by their ids. */
export interface TextModel {
  readonly call: Call
  readonly tokens: readonly string[]
  /** As the model knows them: no other tokens have these ids. */
  readonly ids: ReadonlyMap<string, number>
}

/** Merges have numbers that stay exact when they are multiplied by places in a piece. */
const mostMerges = 2 ** 21

export function modelCall(file: string, json: ModelJson): TextModel {
  const place = 'model'
  const entries =
    json.type === 'Unigram' ? json.vocab.map(([token], id) => [token, id] as const) : Object.entries(json.vocab)
  const { tokens, ids } = tokensOf(file, entries, json.type === 'Unigram')
  const table = call('tokensOf', packTokens(tokens))
  const made = (call: Call): TextModel => ({ call, tokens, ids })
  const unknown = (token: string): number =>
    ids.get(token) ?? malformed(file, `${place}.unk_token`, `${JSON.stringify(token)} is no token`)
  switch (json.type) {
    case 'WordLevel':
      return made(call('wordLevel', table, unknown(json.unk_token)))
    case 'WordPiece': {
      const { continuing_subword_prefix: prefix, max_input_chars_per_word: most } = json
      return made(call('wordPiece', table, unknown(json.unk_token), prefix, most))
    }
    case 'Unigram': {
      const { unk_id, vocab, byte_fallback } = json
      if (unk_id === null || unk_id >= vocab.length)
        malformed(file, `${place}.unk_id`, 'no token stands for unknown characters')
      const scores = vocab.map(([, score]) => score)
      const isSingle = scores.every((score) => Math.fround(score) === score)
      const table32 = (): Call =>
        call('floatsOf', packNumbers(toSteps(Array.from(new Uint32Array(Float32Array.from(scores).buffer)))))
      return made(call('unigram', table, isSingle ? table32() : scores, unk_id, byte_fallback))
    }
    case 'BPE': {
      if (json.dropout !== null && json.dropout !== 0)
        unsupported(file, `${place}.dropout`, 'ids that are drawn at random', 'make dropout null: it is for training')
      const { unk_token, fuse_unk: fuse, byte_fallback: bytes, ignore_merges: whole } = json
      const [prefix, suffix] = [json.continuing_subword_prefix ?? '', json.end_of_word_suffix ?? '']
      // Files of GPT-2 name the empty text, which is no token, for what never comes.
      const isNone = unk_token === null || (!ids.has(unk_token) && everyByte(ids))
      const { made: ends, lefts } = mergesOf(file, json, ids, prefix)
      const merges = call('mergesOf', packNumbers(toSteps(ends)), packNumbers(lefts))
      return made(call('bpe', table, merges, isNone ? -1 : unknown(unk_token), { prefix, suffix, fuse, bytes, whole }))
    }
  }
}

/** Whether each byte is a token, so that nothing is unknown. Of those beyond ASCII, these characters have all in UTF-8. */
function everyByte(ids: ReadonlyMap<string, number>): boolean {
  const ascii = Array.from({ length: 128 }, (_, i) => String.fromCharCode(i)).join('')
  const leading = Array.from({ length: 0x1e }, (_, i) => String.fromCharCode((i + 2) << 6)).join('')
  const others = Array.from({ length: 0x10 }, (_, i) => String.fromCharCode(Math.max(i << 12, 0x800))).join('')
  const trailing = Array.from({ length: 64 }, (_, i) => String.fromCharCode(0x80 + i)).join('')
  return Array.from(
    bytesOf(ascii + leading + others + trailing + '\u{10000}\u{40000}\u{80000}\u{c0000}\u{100000}'),
  ).every((c) => ids.has(c))
}

function mergesOf(
  file: string,
  { merges }: Extract<ModelJson, { type: 'BPE' }>,
  ids: ReadonlyMap<string, number>,
  prefix: string,
): { readonly made: number[]; readonly lefts: number[] } {
  if (merges.length > mostMerges)
    unsupported(file, 'model.merges', `${merges.length} merges`, `there may be ${mostMerges}`)
  const made: number[] = []
  const lefts: number[] = []
  for (const [i, merge] of merges.entries()) {
    const place = `model.merges[${i}]`
    const two = typeof merge === 'string' ? merge.split(' ') : merge
    const [left, right] = two as [string, string]
    if (two.length !== 2) malformed(file, place, `${JSON.stringify(merge)} is not two tokens with a space between`)
    const joined = left + right.slice(prefix.length)
    const missing = [left, right, joined].find((token) => !ids.has(token))
    if (missing !== undefined) malformed(file, place, `${JSON.stringify(missing)} is no token`)
    if (!right.startsWith(prefix))
      unsupported(
        file,
        place,
        `a right part without ${JSON.stringify(prefix)}`,
        'give a tokenizer whose merges have it',
      )
    made.push(ids.get(joined)!)
    lefts.push(left.length)
  }
  return { made, lefts }
}

/** Tokens by their ids; what no token has is empty. */
function tokensOf(file: string, entries: readonly (readonly [string, number])[], isRepeatable: boolean) {
  const most = 2 * entries.length + 4096
  const tokens: string[] = []
  const ids = new Map<string, number>()
  for (const [token, id] of entries) {
    const shown = JSON.stringify(token.slice(0, 40))
    if (id >= most) malformed(file, 'model.vocab', `${shown} has the id ${id}, and there are ${entries.length} tokens`)
    if (/\p{Surrogate}/u.test(token)) malformed(file, 'model.vocab', `${shown} is no text: it has half of a character`)
    if (tokens[id] !== undefined)
      malformed(file, 'model.vocab', `${shown} and ${JSON.stringify(tokens[id])} have the id ${id}`)
    if (token === '' && isRepeatable) malformed(file, `model.vocab[${id}]`, 'a token is empty')
    tokens[id] = token
    ids.set(token, id)
  }
  return { tokens: Array.from(tokens, (token) => token ?? ''), ids }
}
