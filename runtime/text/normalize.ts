import { laterCompositions, laterMarks, laterNonspacing } from './later-unicode.ts'

/** What is done to a text before it is cut. */
export type Normalizer = (text: string) => string

export const inTurn =
  (normalizers: readonly Normalizer[]): Normalizer =>
  (text) => {
    for (const normalize of normalizers) text = normalize(text)
    return text
  }

/** Characters that Hugging Face's tables do not know stay as they are. */
const normalized = (text: string, form: string): string =>
  text.replace(new RegExp(`[^${laterCompositions}]+`, 'gu'), (part) => part.normalize(form))

export const unicodeForm =
  (form: string): Normalizer =>
  (text) =>
    // Plain ASCII is in every form.
    /^[\0-\x7f]*$/.test(text) ? text : normalized(text, form)

/** Character by character: without the form that a sigma has at the end of a word. */
export const lowercase: () => Normalizer = () => (text) => text.replaceAll('Σ', 'σ').toLowerCase()

export const stripAccents: () => Normalizer = () => {
  const marks = new RegExp(`(?![${laterMarks}])[\\p{M}\\u1cf2\\u1cf3]`, 'gu')
  return (text) => text.replace(marks, '')
}

export const replace =
  (pattern: RegExp, content: string): Normalizer =>
  (text) =>
    text.replace(pattern, () => content)

export const prepend =
  (prefix: string): Normalizer =>
  (text) =>
    text && prefix + text

export const strip =
  (left: boolean, right: boolean): Normalizer =>
  (text) => {
    if (left) text = text.replace(/^\p{White_Space}+/u, '')
    if (!right) return text
    // A pattern would try each run of spaces within the text to its end.
    let end = text.length
    while (end > 0 && /\p{White_Space}/u.test(text[end - 1]!)) end--
    return text.slice(0, end)
  }

/** SentencePiece's cleaning for translation. */
export const nmt: () => Normalizer = () => (text) =>
  text
    .replace(/[\x01-\x08\x0b\x0e-\x1f\x7f\x8f\x9f]/g, '')
    .replace(/[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/g, ' ')

/** BERT's: control characters go, Han characters are words, and perhaps accents and capitals go. */
export const bertNormalizer = (clean: boolean, han: boolean, accents: boolean, lower: boolean): Normalizer => {
  const marks = new RegExp(`(?![${laterNonspacing}])[\\p{Mn}\\u1734\\u{1171e}]`, 'gu')
  return (text) => {
    if (clean) {
      text = text
        .replace(/[\0\ufffd]|(?![\t\n\r\u0890\u0891\u08e2\u{110cd}\u{13430}-\u{1343f}])[\p{Cc}\p{Cf}\p{Co}]/gu, '')
        .replace(/\p{White_Space}/gu, ' ')
    }
    if (han) {
      text = text.replace(
        /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu,
        ' $& ',
      )
    }
    if (accents && !/^[\0-\x7f]*$/.test(text)) text = normalized(text, 'NFD').replace(marks, '')
    return lower ? text.replaceAll('Σ', 'σ').toLowerCase() : text
  }
}
