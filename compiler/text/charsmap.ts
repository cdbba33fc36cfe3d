import { malformed, unsupported, type Place } from './errors.ts'

/** What SentencePiece's own table makes of a text: each of the keys becomes its replacement. No key begins with another one. */
export interface Charsmap {
  readonly keys: readonly string[]
  readonly replacements: readonly string[]
}

/** Units of a trie. SentencePiece's own tables have 65,000. */
const mostUnits = 2 ** 20

/** Bytes of all replacements, for each byte of the table. */
const mostShared = 16

/** A longer one is never looked up: graphemes of six bytes and more are looked up character by character. */
const longestKey = 5

/**
 * The table in base64: the bytes of a trie, how many there are before them, and behind them replacements, each ended by a zero byte. The trie is a double array
 * as in Darts-clone: a unit has a label in its lowest 8 bits, and whether a key ends there in bit 8; the distance to its children is in bits 10 to
 * 30, times 256 where bit 9 is set; a key's value has bit 31 set. Only the shortest key that a text begins with counts, as in the Rust crate
 * spm_precompiled. A502 for a table that is none.
 */
export function readCharsmap(file: string, place: Place, base64: string): Charsmap {
  const wrong = (why: string): never => malformed(file, place, why)
  let bytes: Uint8Array
  try {
    bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  } catch {
    return wrong('it is not base64')
  }
  const view = new DataView(bytes.buffer)
  const size = bytes.length < 4 ? 0 : view.getUint32(0, true)
  const count = Math.floor(size / 4)
  if (count === 0 || size > bytes.length - 4) wrong('it is too short for its trie')
  if (count > mostUnits) wrong(`its trie has ${count} units, and there may be ${mostUnits}`)
  const units = Uint32Array.from({ length: count }, (_, i) => view.getUint32(4 + 4 * i, true))
  const texts = bytes.subarray(4 + size)
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const textOf = (part: Uint8Array, what: string): string => {
    try {
      return decoder.decode(part)
    } catch {
      return unsupported(file, place, `${what} that is half of a character`, 'use a table that SentencePiece made')
    }
  }
  const below = (node: number): number => {
    const unit = units[node]!
    return node ^ ((unit >>> 10) << ((unit & 0x200) >> 6))
  }
  const keys: string[] = []
  const replacements: string[] = []
  let visits = 0
  let total = 0
  const visit = (node: number, key: readonly number[]): void => {
    // Of a tree, each unit is reached once.
    if (++visits > count) wrong('its trie has a cycle')
    const children = below(node)
    for (let label = 1; label < 256; label++) {
      const child = children ^ label
      const unit = units[child]
      if (unit === undefined || (unit & 0x800000ff) >>> 0 !== label) continue
      const longer = [...key, label]
      if ((unit & 0x100) === 0) {
        if (longer.length < longestKey) visit(child, longer)
        continue
      }
      const start = (units[below(child)] ?? 0xffffffff) & 0x7fffffff
      if (start > texts.length) wrong('a replacement is outside of it')
      const found = texts.indexOf(0, start)
      const end = found < 0 ? texts.length : found
      // Keys may share one, but not so that a small table becomes an endless text.
      total += end - start
      if (total > mostShared * bytes.length) wrong('its replacements are too long')
      keys.push(textOf(Uint8Array.from(longer), 'a key'))
      replacements.push(textOf(texts.subarray(start, end), 'a replacement'))
    }
  }
  visit(0, [])
  return { keys, replacements }
}
