import type { Model } from './models.ts'
import type { Normalizer } from './normalize.ts'
import type { Splitter } from './split.ts'

/** The ids of a text, to which text each belongs, and which of them are no padding. All are of one length. */
export interface Encoding {
  readonly ids: number[]
  readonly types: number[]
  readonly mask: number[]
}

export interface EncodeOptions {
  /** A second text, such as the answer to a question. */
  readonly pair?: string
  /** Whether ids that mark the beginning, the end and so on are added: true unless it is false. */
  readonly special?: boolean
}

/** A token that is found in the text before all else: its text, its id and a sum of `flags`. */
export type AddedToken = readonly [text: string, id: number, flags: number]

export const flags = { word: 1, left: 2, right: 4, normalized: 8, special: 16 } as const

/** What the ids are put together of: the type that they get, and an id, or -1 for the text and -2 for the second. */
export type Template = readonly (readonly [type: number, id: number])[]

export interface Truncation {
  readonly length: number
  readonly strategy: 'LongestFirst' | 'OnlyFirst' | 'OnlySecond'
  readonly isLeft: boolean
}

export interface Padding {
  readonly id: number
  readonly type: number
  /** The length of all, or 0 where it is that of the ids. */
  readonly length: number
  /** What the length is a multiple of. */
  readonly multiple: number
  readonly isLeft: boolean
}

export interface Parts {
  readonly model: Model
  readonly normalize: Normalizer
  readonly split: Splitter
  readonly added: readonly AddedToken[]
  readonly single: Template
  readonly pair: Template
  readonly truncation: Truncation | null
  readonly padding: Padding | null
}

export type Encode = (text: string, options?: EncodeOptions) => Encoding

/** What Hugging Face's tokenizers do, in their order: added tokens, normalization, cutting, the model, truncation, template, padding. */
export function tokenizer({ model, normalize, split, added, single, pair, truncation, padding }: Parts): Encode {
  const asTheyAre = finder(added.filter(([, , flag]) => !(flag & 8)))
  const normalized = finder(
    added.filter(([, , flag]) => flag & 8).map(([text, id, flag]) => [normalize(text), id, flag]),
  )

  function idsOf(text: string): number[] {
    if (typeof text !== 'string') throw new TypeError(`attar: encode takes a text, got ${typeof text}`)
    const ids: number[] = []
    // As UTF-8 has them.
    const whole = text.replace(/\p{Surrogate}/gu, '\ufffd')
    asTheyAre(whole, ids, (part, isFirst) => {
      // A text whose first character goes does not begin where the whole text does.
      const isWhole = isFirst && normalize(String.fromCodePoint(part.codePointAt(0)!)) !== ''
      normalized(normalize(part), ids, (piece, isStart) => {
        for (const word of split(piece, isWhole && isStart)) if (word) model(word, ids)
      })
    })
    return ids
  }

  return (text, { pair: other, special = true } = {}) => {
    const template = other === undefined ? single : pair
    const marks = special ? template.filter(([, id]) => id >= 0).length : 0
    const texts = [idsOf(text), ...(other === undefined ? [] : [idsOf(other)])]
    if (truncation) truncate(texts, truncation.length - marks, truncation)
    const ids: number[] = []
    const types: number[] = []
    for (const [type, id] of template) {
      if (id >= 0 && !special) continue
      for (const each of id >= 0 ? [id] : texts[-1 - id]!) {
        ids.push(each)
        types.push(type)
      }
    }
    const mask = ids.map(() => 1)
    if (!padding) return { ids, types, mask }
    const length = Math.ceil(Math.max(padding.length, ids.length) / padding.multiple) * padding.multiple
    const filled = (values: number[], value: number): number[] => {
      const more = new Array<number>(length - ids.length).fill(value)
      return padding.isLeft ? more.concat(values) : values.concat(more)
    }
    return { ids: filled(ids, padding.id), types: filled(types, padding.type), mask: filled(mask, 0) }
  }
}

function truncate(texts: number[][], length: number, { strategy, isLeft }: Truncation): void {
  const [first, second] = texts.map((ids) => ids.length) as [number, number | undefined]
  let lengths = [first, second ?? 0]
  const over = first + (second ?? 0) - length
  if (over <= 0) return
  if (strategy === 'LongestFirst' && second !== undefined) {
    const [less, more] = [Math.min(first, second), Math.max(first, second)]
    const short = Math.min(less, Math.floor(length / 2))
    lengths = first <= second ? [short, Math.min(more, length - short)] : [Math.min(more, length - short), short]
  } else {
    const cut = strategy === 'OnlySecond' ? 1 : 0
    if (lengths[cut]! <= over && !(cut === 0 && second === undefined))
      throw new RangeError('attar: the text that may be truncated is too short for that')
    lengths[cut]! -= over
  }
  for (const [i, ids] of texts.entries()) ids.splice(isLeft ? 0 : lengths[i]!, ids.length - lengths[i]!)
}

/** Finds added tokens: appends their ids, and gives `rest` what stands between them. */
function finder(added: readonly AddedToken[]) {
  const known = new Map(added.map((token) => [token[0], token]))
  known.delete('')
  /** By the first UTF-16 unit, the lengths that there are, longest first. */
  const lengths = new Map<string, number[]>()
  for (const text of known.keys()) {
    const all = lengths.get(text[0]!) ?? []
    if (!all.includes(text.length))
      lengths.set(
        text[0]!,
        [...all, text.length].sort((a, b) => b - a),
      )
  }
  const find = (text: string, at: number): AddedToken | undefined => {
    for (const length of lengths.get(text[at]!) ?? []) {
      const token = known.get(text.slice(at, at + length))
      if (token) return token
    }
    return undefined
  }
  const isWord = (character: string | undefined): boolean =>
    character !== undefined && /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u.test(character)

  return (text: string, ids: number[], rest: (part: string, isFirst: boolean) => void): void => {
    let done = 0
    for (let at = 0; at < text.length;) {
      const token = find(text, at)
      if (!token) {
        at++
        continue
      }
      const [{ length }, id, flag] = token
      let start = at
      let end = at + length
      at = end
      if (
        flag & 1 &&
        (isWord(Array.from(text.slice(start - 2 < 0 ? 0 : start - 2, start)).at(-1)) ||
          isWord(Array.from(text.slice(end, end + 2))[0]))
      )
        continue
      if (flag & 2) while (start > done && /\p{White_Space}/u.test(text[start - 1]!)) start--
      if (flag & 4) while (end < text.length && /\p{White_Space}/u.test(text[end]!)) end++
      if (done < start) rest(text.slice(done, start), done === 0)
      ids.push(id)
      done = end
    }
    if (done < text.length) rest(text.slice(done), done === 0)
  }
}
