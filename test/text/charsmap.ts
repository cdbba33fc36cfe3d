/** A table as SentencePiece's: a Darts double array, in which each node's children have a block of 256 units for themselves. */
export function charsmap(entries: Readonly<Record<string, string>>): string {
  const encoder = new TextEncoder()
  interface Trie {
    readonly below: Map<number, Trie>
    value?: number
  }
  const root: Trie = { below: new Map() }
  const texts: number[] = []
  for (const [key, replacement] of Object.entries(entries)) {
    let node = root
    for (const byte of encoder.encode(key)) {
      const next: Trie = node.below.get(byte) ?? { below: new Map() }
      node.below.set(byte, next)
      node = next
    }
    node.value = texts.length
    texts.push(...encoder.encode(replacement), 0)
  }
  const units: number[] = new Array<number>(256).fill(0)
  const place = (trie: Trie, at: number): void => {
    const base = units.length
    for (let i = 0; i < 256; i++) units.push(0)
    const offset = at ^ base
    if (offset >= 2 ** 21) throw new RangeError('too many keys')
    units[at] = (units[at]! | (offset << 10)) >>> 0
    if (trie.value !== undefined) {
      units[at] = (units[at]! | 0x100) >>> 0
      units[base] = (trie.value | 0x80000000) >>> 0
    }
    for (const label of trie.below.keys()) units[base + label] = label
    for (const [label, child] of trie.below) place(child, base + label)
  }
  place(root, 0)
  const bytes = new DataView(new ArrayBuffer(4 + 4 * units.length + texts.length))
  bytes.setUint32(0, 4 * units.length, true)
  for (const [i, unit] of units.entries()) bytes.setUint32(4 + 4 * i, unit, true)
  new Uint8Array(bytes.buffer).set(texts, 4 + 4 * units.length)
  return Buffer.from(bytes.buffer).toString('base64')
}

/** Of the kinds in SentencePiece's nmt_nfkc: compatibility forms of what `texts` hold, spaces, what goes, and keys of several characters. */
export function nfkcMap(texts: readonly string[]): string {
  const entries: Record<string, string> = {
    ...{ '\t': ' ', '\n': ' ', '\r': ' ', '\u00a0': ' ', '\u3000': ' ', '\u0001': '', '\u200b': '', '\ufeff': '' },
    ...{
      'e\u0301': 'é',
      'e\u0301\u0323': 'never',
      'か\u3099': 'never looked up',
      'a\u0323': 'ạ',
      ab: 'never: two graphemes',
    },
  }
  for (const character of new Set(texts.join(''))) {
    const form = character.normalize('NFKC')
    if (form !== character && Object.keys(entries).length < 700 && !/\p{Surrogate}/u.test(character))
      entries[character] ??= form
  }
  return charsmap(entries)
}
