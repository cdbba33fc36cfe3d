/** Appends the ids of a piece. */
export type Model = (piece: string, ids: number[]) => void

/** Words that came before need not be looked at again; a page's memory stays bounded. */
const remembered = (model: Model): Model => {
  const known = new Map<string, readonly number[]>()
  return (piece, ids) => {
    let found = known.get(piece)
    if (!found) {
      const made: number[] = []
      model(piece, made)
      found = made
      if (piece.length < 256) {
        if (known.size > 9999) known.clear()
        known.set(piece, found)
      }
    }
    for (const id of found) ids.push(id)
  }
}

const longestOf = (tokens: readonly string[]): number => tokens.reduce((most, { length }) => Math.max(most, length), 0)

/** An id for each token; what is empty stands for an id without one. Of several that are the same, the last counts. */
function idsOf(tokens: readonly string[]): Map<string, number> {
  const ids = new Map<string, number>()
  for (const [id, token] of tokens.entries()) if (token) ids.set(token, id)
  return ids
}

const codePoints = (text: string): number => Array.from(text).length

/** Whole words. */
export const wordLevel = (tokens: readonly string[], unknown: number): Model => {
  const known = idsOf(tokens)
  return (piece, ids) => void ids.push(known.get(piece) ?? unknown)
}

/** The longest token that fits, from left to right (Wu et al. 2016, BERT). A word that cannot be made of tokens, or is longer than `most` characters, is unknown. */
export const wordPiece = (tokens: readonly string[], unknown: number, prefix: string, most: number): Model => {
  const known = idsOf(tokens)
  const longest = longestOf(tokens)
  return remembered((piece, ids) => {
    const before = ids.length
    let start = piece.length > most && codePoints(piece) > most ? -1 : 0
    while (start >= 0 && start < piece.length) {
      let end = Math.min(piece.length, start + longest)
      let id: number | undefined
      for (; end > start; end--) {
        id = known.get((start > 0 ? prefix : '') + piece.slice(start, end))
        if (id !== undefined) break
      }
      if (id === undefined) start = -1
      else {
        ids.push(id)
        start = end
      }
    }
    if (start < 0) {
      ids.length = before
      ids.push(unknown)
    }
  })
}

/** The ids of a text's bytes, `<0x41>` and so on; undefined where one of them is no token. */
const bytesAs = (text: string, known: ReadonlyMap<string, number>): number[] | undefined => {
  const ids: number[] = []
  for (const byte of new TextEncoder().encode(text)) {
    const id = known.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`)
    if (id === undefined) return undefined
    ids.push(id)
  }
  return ids
}

/**
 * Byte-pair encoding (Sennrich et al. 2016): of all merges that apply, the one listed first, the leftmost of these first. Merge i makes token
 * `merges[2 i]` of two, the left one of `merges[2 i + 1]` UTF-16 units. n log n for a piece of n characters.
 */
export const bpe = (
  tokens: readonly string[],
  merges: readonly number[],
  unknown: number,
  { prefix, suffix, fuse, bytes, whole }: BpeOptions,
): Model => {
  const known = idsOf(tokens)
  // The first merge of each token, and of each merge the next of the same token.
  const first = new Int32Array(tokens.length).fill(-1)
  const next = new Int32Array(merges.length / 2).fill(-1)
  for (let i = next.length - 1; i >= 0; i--) {
    const id = merges[2 * i]!
    next[i] = first[id]!
    first[id] = i
  }
  /** Which merge joins the two, or -1. */
  const mergeOf = (left: string, right: string): number => {
    const id = known.get(left + right.slice(prefix.length))
    let merge = id === undefined ? -1 : first[id]!
    let found = -1
    // Of a pair that is listed twice, the last counts.
    for (; merge >= 0; merge = next[merge]!) if (merges[2 * merge + 1] === left.length) found = merge
    return found
  }
  return remembered((piece, ids) => {
    const at = whole ? known.get(piece) : undefined
    if (at !== undefined) return void ids.push(at)
    const symbols: number[] = []
    let pending = false
    const characters = Array.from(piece)
    const flush = (): void => {
      if (pending) symbols.push(unknown)
      pending = false
    }
    for (const [i, character] of characters.entries()) {
      const text = (i > 0 ? prefix : '') + character + (i === characters.length - 1 ? suffix : '')
      const id = known.get(text)
      const fallen = id === undefined && bytes ? bytesAs(text, known) : undefined
      if (fallen) symbols.push(...fallen)
      else if (id !== undefined) {
        flush()
        symbols.push(id)
      } else if (unknown >= 0) {
        if (!fuse) flush()
        pending = true
      }
    }
    flush()
    const count = symbols.length
    const texts = symbols.map((id) => tokens[id]!)
    const after = symbols.map((_, i) => i + 1)
    const before = symbols.map((_, i) => i - 1)
    // Entries are merge · count + place: the least is the one to make.
    const heap: number[] = []
    const push = (place: number): void => {
      const other = after[place]!
      if (place < 0 || other >= count) return
      const merge = mergeOf(texts[place]!, texts[other]!)
      if (merge < 0) return
      const entry = merge * count + place
      let i = heap.length
      for (; i > 0; i = (i - 1) >> 1) {
        const above = heap[(i - 1) >> 1]!
        if (above <= entry) break
        heap[i] = above
      }
      heap[i] = entry
    }
    const pop = (): number => {
      const least = heap[0]!
      const entry = heap.pop()!
      const size = heap.length
      if (size === 0) return least
      let i = 0
      for (;;) {
        let below = 2 * i + 1
        if (below >= size) break
        if (below + 1 < size && heap[below + 1]! < heap[below]!) below++
        if (heap[below]! >= entry) break
        heap[i] = heap[below]!
        i = below
      }
      heap[i] = entry
      return least
    }
    for (let i = 0; i + 1 < count; i++) push(i)
    while (heap.length > 0) {
      const entry = pop()
      const place = entry % count
      const made = merges[2 * Math.floor(entry / count)]!
      const other = after[place]!
      if (symbols[place]! < 0 || other >= count) continue
      // What it was pushed for may have become part of something else.
      const merge = mergeOf(texts[place]!, texts[other]!)
      if (merge < 0 || merges[2 * merge] !== made) continue
      symbols[place] = made
      texts[place] = tokens[made]!
      symbols[other] = -1
      after[place] = after[other]!
      if (after[place]! < count) before[after[place]!] = place
      push(before[place]!)
      push(place)
    }
    for (const id of symbols) if (id >= 0) ids.push(id)
  })
}

export interface BpeOptions {
  /** What tokens begin with that do not begin a word. */
  readonly prefix: string
  /** What tokens end with that end a word. */
  readonly suffix: string
  /** Whether unknown characters that stand together are one. */
  readonly fuse: boolean
  /** Whether unknown characters become their bytes. */
  readonly bytes: boolean
  /** Whether a piece that is a token is taken as it is. */
  readonly whole: boolean
}

/**
 * The most probable sequence of tokens (Kudo 2018), by Viterbi's algorithm. `scores` are logarithms. An unknown character costs
 * 10 more than the rarest token; those that stand together are one token.
 */
export const unigram = (
  tokens: readonly string[],
  scores: ArrayLike<number>,
  unknown: number,
  bytes: boolean,
): Model => {
  const known = idsOf(tokens)
  // A trie over UTF-16 units: a node's child by the unit, and the token that ends there.
  const children: (Map<number, number> | undefined)[] = [new Map()]
  const ends: number[] = [-1]
  let penalty = Infinity
  for (const [token, id] of known) {
    let node = 0
    for (let i = 0; i < token.length; i++) {
      const unit = token.charCodeAt(i)
      const below = (children[node] ??= new Map<number, number>())
      let child = below.get(unit)
      if (child === undefined) {
        child = ends.push(-1) - 1
        below.set(unit, child)
      }
      node = child
    }
    ends[node] = id
  }
  for (let i = 0; i < scores.length; i++) penalty = Math.min(penalty, scores[i]!)
  penalty -= 10
  return remembered((piece, ids) => {
    const size = piece.length
    const best = new Float64Array(size + 1)
    const from = new Int32Array(size + 1).fill(-1)
    const token = new Int32Array(size + 1)
    const reach = (start: number, end: number, id: number, score: number): void => {
      const total = score + best[start]!
      if (from[end]! >= 0 && total <= best[end]!) return
      best[end] = total
      from[end] = start
      token[end] = id
    }
    for (let start = 0, width = 1; start < size; start += width) {
      width = piece.codePointAt(start)! > 0xffff ? 2 : 1
      let isSingle = false
      for (let node: number | undefined = 0, end = start; end < size;) {
        node = children[node]?.get(piece.charCodeAt(end++))
        if (node === undefined) break
        const id = ends[node]!
        if (id < 0) continue
        reach(start, end, id, scores[id]!)
        isSingle ||= end - start === width
      }
      if (!isSingle) reach(start, start + width, unknown, penalty)
    }
    // From the end: tokens, and runs of what is unknown.
    const pieces: string[] = []
    let run = false
    for (let end = size; end > 0; end = from[end]!) {
      const text = piece.slice(from[end], end)
      const isUnknown = token[end] === unknown
      if (isUnknown && run) pieces.push(text + pieces.pop()!)
      else pieces.push(text)
      run = isUnknown
    }
    for (const text of pieces.reverse()) {
      const id = known.get(text)
      const those = id === undefined ? (bytes && bytesAs(text, known)) || [unknown] : [id]
      for (const each of those) ids.push(each)
    }
  })
}
