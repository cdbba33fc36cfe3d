import { laterPunctuation } from '../../runtime/text/later-unicode.ts'
import { malformed, type Place } from './errors.ts'
import { regexOf } from './normalizers.ts'
import { call, type Call } from './plan.ts'
import { literalPattern } from './regex.ts'
import type { SplitterJson } from './schema.ts'

const space = '\\p{White_Space}'
/** The regex crate's \w. */
const word = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}'
/** ASCII's symbols count, too. */
const punctuation = '[!-\\/:-@\\[-`{-~\\u166d\\u{111c9}\\p{P}]'
const known = `(?![${laterPunctuation.replaceAll(/[^\0-\x7f]/gu, (c) => `\\u{${c.codePointAt(0)!.toString(16)}}`)}])${punctuation}`

/** GPT-2's, which every character of a text belongs to a match of. */
const words = `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^${space}\\p{L}\\p{N}]+|${space}+(?!\\P{White_Space})|${space}+`

const pattern = (source: string): RegExp => new RegExp(source, 'gu')

/** A pre-tokenizer as calls, in their order. */
export function splitterCalls(file: string, place: Place, json: SplitterJson): Call[] {
  switch (json.type) {
    case 'Sequence':
      return json.pretokenizers.flatMap((each, i) => splitterCalls(file, `${place}.pretokenizers[${i}]`, each))
    case 'ByteLevel':
      return [call('byteLevel', json.add_prefix_space, json.use_regex ? pattern(words) : null)]
    case 'Metaspace': {
      const { replacement, add_prefix_space, prepend_scheme, split } = json
      if (add_prefix_space === false && prepend_scheme !== undefined && prepend_scheme !== 'never')
        malformed(file, place, `add_prefix_space is false, and prepend_scheme "${prepend_scheme}"`)
      return [
        call('metaspace', replacement, add_prefix_space === false ? 'never' : (prepend_scheme ?? 'always'), split),
      ]
    }
    case 'BertPreTokenizer':
      return [call('matches', pattern(`${known}|(?:(?!${known})\\P{White_Space})+`))]
    case 'Whitespace':
      return [call('matches', pattern(`[${word}]+|[^${word}${space}]+`))]
    case 'WhitespaceSplit':
      return [call('matches', pattern('\\P{White_Space}+'))]
    case 'Punctuation':
      return [call('splitAt', pattern(known), json.behavior, false)]
    case 'Digits':
      return [call('splitAt', pattern('\\p{N}'), json.individual_digits ? 'Isolated' : 'Contiguous', false)]
    case 'CharDelimiterSplit':
      return [call('splitAt', literalPattern(json.delimiter), 'Removed', false)]
    case 'Split':
      return [call('splitAt', regexOf(file, place, json.pattern), json.behavior, json.invert)]
  }
}
