import type { Normalizer } from './normalize.ts'

const utf8Length = (text: string): number => {
  let length = 0
  for (const character of text) {
    const code = character.codePointAt(0)!
    length += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
  }
  return length
}

/**
 * SentencePiece's table, as Hugging Face's tokenizers look things up in it: a grapheme cluster of fewer than six bytes as a whole, of which the
 * shortest key that it begins with counts, and else its characters one by one.
 */
export const precompiled = (keys: readonly string[], replacements: readonly string[]): Normalizer => {
  const known = new Map(keys.map((key, i) => [key, replacements[i]!]))
  const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' })
  const find = (part: string): string | undefined => {
    let start = ''
    for (const character of part) {
      const found = known.get((start += character))
      if (found !== undefined) return found
    }
    return undefined
  }
  return (text) => {
    let made = ''
    for (const { segment } of segmenter.segment(text)) {
      const whole = utf8Length(segment) < 6 ? find(segment) : undefined
      if (whole === undefined) for (const character of segment) made += known.get(character) ?? character
      else made += whole
    }
    return made
  }
}
