import { packTokens } from '../../runtime/text/pack.ts'
import { readCharsmap } from './charsmap.ts'
import type { Place } from './errors.ts'
import { call, type Call } from './plan.ts'
import { literalPattern, patternOf } from './regex.ts'
import type { NormalizerJson, Pattern } from './schema.ts'

export const regexOf = (file: string, place: Place, pattern: Pattern): RegExp =>
  'String' in pattern ? literalPattern(pattern.String) : patternOf(file, `${place}.pattern.Regex`, pattern.Regex)

/** A normalizer as calls, in their order. */
export function normalizerCalls(file: string, place: Place, json: NormalizerJson): Call[] {
  switch (json.type) {
    case 'Sequence':
      return json.normalizers.flatMap((each, i) => normalizerCalls(file, `${place}.normalizers[${i}]`, each))
    case 'BertNormalizer': {
      const { clean_text, handle_chinese_chars, strip_accents, lowercase } = json
      return [call('bertNormalizer', clean_text, handle_chinese_chars, strip_accents ?? lowercase, lowercase)]
    }
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return [call('unicodeForm', json.type)]
    case 'Lowercase':
      return [call('lowercase')]
    case 'StripAccents':
      return [call('stripAccents')]
    case 'Nmt':
      return [call('nmt')]
    case 'ByteLevel':
      return [call('bytes')]
    case 'Strip':
      return [call('strip', json.strip_left, json.strip_right)]
    case 'Prepend':
      return [call('prepend', json.prepend)]
    case 'Replace':
      return [call('replace', regexOf(file, place, json.pattern), json.content)]
    case 'Precompiled': {
      if (json.precompiled_charsmap === null) return []
      const { keys, replacements } = readCharsmap(file, `${place}.precompiled_charsmap`, json.precompiled_charsmap)
      return [call('precompiled', ...[keys, replacements].map((texts) => call('tokensOf', packTokens(texts))))]
    }
  }
}
