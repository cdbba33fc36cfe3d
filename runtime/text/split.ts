/** How a text is cut into pieces, each of which the model takes by itself; `first` tells that it begins where the whole text does. */
export type Splitter = (text: string, first: boolean) => readonly string[]

/** What becomes of the matches of a pattern. */
export type Behavior = 'Removed' | 'Isolated' | 'MergedWithPrevious' | 'MergedWithNext' | 'Contiguous'

/** One after the other. */
export const chain =
  (splitters: readonly Splitter[]): Splitter =>
  (text, first) => {
    let pieces: readonly string[] = [text]
    for (const split of splitters) {
      pieces = pieces.flatMap((piece, i) => split(piece, first && i === 0 && text.startsWith(piece)))
    }
    return pieces
  }

/** The matches alone: for patterns that leave nothing between them that counts. */
export const matches =
  (pattern: RegExp): Splitter =>
  (text) =>
    text.match(pattern) ?? []

/** Matches, or with `invert` what stands between them, become what `behavior` says. */
export const splitAt =
  (pattern: RegExp, behavior: Behavior, invert: boolean): Splitter =>
  (text) => {
    const parts: [text: string, isMatch: boolean][] = []
    let end = 0
    const add = (from: number, to: number, isMatch: boolean): void => {
      if (from < to) parts.push([text.slice(from, to), isMatch !== invert])
    }
    for (const match of text.matchAll(pattern)) {
      add(end, match.index, false)
      end = match.index + match[0].length
      add(match.index, end, true)
    }
    add(end, text.length, false)
    const pieces: string[] = []
    const backwards = behavior === 'MergedWithNext'
    if (backwards) parts.reverse()
    let previous: boolean | undefined
    for (const [part, isMatch] of parts) {
      const last = pieces.length - 1
      const joins =
        behavior === 'Contiguous' ? isMatch === previous : behavior.startsWith('M') && isMatch && previous === false
      if (joins) pieces[last] = backwards ? part + pieces[last] : pieces[last] + part
      else if (!isMatch || behavior !== 'Removed') pieces.push(part)
      previous = isMatch
    }
    return backwards ? pieces.reverse() : pieces
  }

/** SentencePiece's way: spaces become `mark`, with which words begin. */
export const metaspace =
  (mark: string, prepend: 'always' | 'first' | 'never', cut: boolean): Splitter =>
  (text, first) => {
    const marked = text.replaceAll(' ', mark)
    const begun =
      prepend !== 'never' && (first || prepend === 'always') && !marked.startsWith(mark) ? mark + marked : marked
    if (!cut) return [begun]
    const pieces = begun.split(mark)
    return pieces.flatMap((piece, i) => (i > 0 ? [mark + piece] : piece ? [piece] : []))
  }

/** Bytes in UTF-8 as characters that can be seen, each as GPT-2 writes it. */
export const bytesOf = /* @__PURE__ */ (() => {
  let next = 256
  const characters = Array.from({ length: 256 }, (_, byte) =>
    String.fromCharCode((byte > 32 && byte < 127) || (byte > 160 && byte !== 173) ? byte : next++),
  )
  const encoder = new TextEncoder()
  return (text: string): string => {
    let out = ''
    for (const byte of encoder.encode(text)) out += characters[byte]!
    return out
  }
})()

/** Pieces as bytes, cut where `pattern` matches if there is one, with a space before each text that has none. */
export const byteLevel =
  (prefix: boolean, pattern: RegExp | null): Splitter =>
  (text) => {
    const begun = prefix && !text.startsWith(' ') ? ` ${text}` : text
    return (pattern ? (begun.match(pattern) ?? []) : [begun]).map(bytesOf)
  }

/** The same of a whole text: a normalizer. */
export const bytes = () => bytesOf

/** Not cut at all. */
export const whole = (): Splitter => (text) => [text]
