import { bytesOf } from '../../runtime/text/split.ts'

/** Small vocabularies of the lines, made as the three algorithms make theirs, but in a fraction of the time. */

/** Counts of all texts of up to `most` characters in the words. */
function substrings(words: readonly string[], most: number): [string, number][] {
  const counts = new Map<string, number>()
  for (const word of words) {
    const characters = Array.from(word)
    for (let from = 0; from < characters.length; from++) {
      for (let to = from + 1; to <= Math.min(characters.length, from + most); to++) {
        const text = characters.slice(from, to).join('')
        counts.set(text, (counts.get(text) ?? 0) + 1)
      }
    }
  }
  return [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
}

const numbered = (tokens: readonly string[]): Record<string, number> =>
  Object.fromEntries([...new Set(tokens)].map((token, id) => [token, id]))

/** Most characters, some texts of several, and each of those behind another, too. Some characters stay unknown. */
export function wordPieces(words: readonly string[], special: readonly string[]): Record<string, number> {
  const frequent = substrings(words, 5)
    .filter(([text, n]) => n > (Array.from(text).length > 1 ? 2 : 1))
    .slice(0, 4000)
  return numbered([...special, ...frequent.flatMap(([text]) => [text, `##${text}`]), 'constructor', '__proto__2'])
}

export function pieces(words: readonly string[], special: readonly string[]): [string, number][] {
  const frequent = substrings(words, 4)
    .filter(([text]) => !special.includes(text))
    .filter(([text, n]) => n > (Array.from(text).length > 1 ? 2 : 1))
    .slice(0, 4000)
  const total = frequent.reduce((sum, [, n]) => sum + n, 0)
  return [
    ...special.map((token): [string, number] => [token, 0]),
    ...frequent.map(([text, n]): [string, number] => [text, Math.log(n / total)]),
  ]
}

/** In no line. */
const between = '\u{f0000}'

/** Merges of the most frequent pairs, `count` of them; words are lists of symbols. */
export function merges(words: readonly (readonly string[])[], count: number): [string, string][] {
  const list: [string, string][] = []
  let current = words.map((word) => [...word])
  while (list.length < count) {
    const pairs = new Map<string, number>()
    for (const word of current)
      for (let i = 0; i + 1 < word.length; i++) {
        const key = `${word[i]!}${between}${word[i + 1]!}`
        pairs.set(key, (pairs.get(key) ?? 0) + 1)
      }
    // Many at a time, that have nothing in common.
    const used = new Set<string>()
    const best = [...pairs]
      .filter(([, n]) => n > 1)
      .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
      .slice(0, 60)
      .map(([key]) => key.split(between) as [string, string])
      .filter(([a, b]) => !used.has(a) && !used.has(b) && used.add(a).add(b))
    if (best.length === 0) break
    const known = new Map(best.map(([a, b]) => [`${a}${between}${b}`, a + b]))
    list.push(...best)
    current = current.map((word) => {
      const next: string[] = []
      for (const symbol of word) {
        const joined = next.length > 0 ? known.get(`${next.at(-1)!}${between}${symbol}`) : undefined
        if (joined === undefined) next.push(symbol)
        else next[next.length - 1] = joined
      }
      return next
    })
  }
  return list.slice(0, count)
}

export const byteAlphabet = (): string[] => {
  const all = Array.from({ length: 0x800 }, (_, i) => String.fromCharCode(i)).join('')
  const rest = Array.from({ length: 16 }, (_, i) => String.fromCharCode(Math.max(0x800, i << 12))).join('')
  const far = '\u{10000}\u{40000}\u{80000}\u{c0000}\u{100000}'
  const found = new Set(bytesOf(all + rest.replace('\ud800', '') + far))
  for (let byte = 0xa1; byte < 256; byte++) if (byte !== 0xad) found.add(String.fromCharCode(byte))
  for (let i = 0; i < 68; i++) found.add(String.fromCharCode(256 + i))
  return [...found]
}
