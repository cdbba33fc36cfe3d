import type { OpContext } from '../../context.ts'
import { checkSize, type BranchMode, type Branches, type Forest, type Votes } from './trees.ts'

/** The greatest number of the dtype below `x`; NaN, which nothing is at most, below -Infinity and NaN. */
export function below(x: number, dtype: 'f32' | 'f64'): number {
  if (x === 0) return dtype === 'f32' ? -(2 ** -149) : -Number.MIN_VALUE
  if (x === -Infinity || Number.isNaN(x)) return NaN
  const away = x > 0 ? -1 : 1
  if (dtype === 'f32') {
    const floats = Float32Array.of(x)
    new Int32Array(floats.buffer)[0]! += away
    return floats[0]!
  }
  const floats = Float64Array.of(x)
  new BigInt64Array(floats.buffer)[0]! += BigInt(away)
  return floats[0]!
}

/** Branches by the one comparison that core `decision_trees` has: at most the threshold, or not. */
export interface Comparisons {
  readonly thresholds: Float64Array
  readonly features: Int32Array
  readonly missing: Uint8Array
  readonly next: Int32Array
}

/**
 * Each comparison by one or, for equality, two of x <= t; branches are where `starts` says. With NaN for a threshold nothing is
 * below it, with Infinity everything but NaN.
 */
function comparisons(branches: Branches, dtype: 'f32' | 'f64'): Comparisons & { starts: Int32Array } {
  const { modes, thresholds, features, missing, next } = branches
  const isPair = (mode: BranchMode): boolean => mode === 'EQ' || mode === 'NEQ'
  const starts = new Int32Array(modes.length)
  let count = 0
  modes.forEach((mode, i) => {
    starts[i] = count
    count += isPair(mode) ? 2 : 1
  })
  checkSize(count)
  const result = {
    thresholds: new Float64Array(count),
    features: new Int32Array(count),
    missing: new Uint8Array(count),
    next: new Int32Array(2 * count),
  }
  const place = (to: number): number => (to < 0 ? to : starts[to]!)
  modes.forEach((mode, i) => {
    const given = dtype === 'f32' ? Math.fround(thresholds[i]!) : thresholds[i]!
    const [yes, no] = [place(next[2 * i]!), place(next[2 * i + 1]!)]
    const put = (at: number, threshold: number, toFirst: number, first: number, second: number): void => {
      result.thresholds[at] = threshold
      result.features[at] = features[i]!
      result.missing[at] = toFirst
      result.next[2 * at] = first
      result.next[2 * at + 1] = second
    }
    const at = starts[i]!
    const tracks = missing[i]!
    // Nothing is greater than NaN.
    const least = (threshold: number): number => (Number.isNaN(given) ? Infinity : threshold)
    if (mode === 'LEQ') put(at, given, tracks, yes, no)
    else if (mode === 'LT') put(at, below(given, dtype), tracks, yes, no)
    else if (mode === 'GT') put(at, least(given), 1 - tracks, no, yes)
    else if (mode === 'GTE') put(at, least(below(given, dtype)), 1 - tracks, no, yes)
    else {
      const [equal, other] = mode === 'EQ' ? [yes, no] : [no, yes]
      // NaN differs from everything, so that only EQ sends it elsewhere.
      put(at, given, mode === 'EQ' ? tracks : 0, at + 1, other)
      put(at + 1, below(given, dtype), 0, other, equal)
    }
  })
  return { ...result, starts }
}

/** A forest whose trees share nothing: the leaves of tree i stand from `firstLeaf[i]` up to `firstLeaf[i + 1]`. */
export interface Trees {
  readonly branches: Comparisons
  readonly votes: Votes
  readonly roots: Int32Array
  readonly firstLeaf: Int32Array
}

/** A205 for a cycle: branches that are left when those that nothing leads to are taken away, again and again. */
function checkCycles(c: OpContext, next: Int32Array): void {
  const count = next.length / 2
  const parents = new Int32Array(count)
  for (const to of next) if (to >= 0) parents[to]!++
  const ready = new Int32Array(count)
  let known = 0
  parents.forEach((n, i) => {
    if (n === 0) ready[known++] = i
  })
  for (let at = 0; at < known; at++) {
    for (const to of [next[2 * ready[at]!]!, next[2 * ready[at]! + 1]!]) {
      if (to >= 0 && --parents[to]! === 0) ready[known++] = to
    }
  }
  c.check(known === count, 'the nodes of a tree form a cycle')
}

/** Each tree's branches and leaves behind those of the one before, breadth first. What trees share each of them gets. */
export function separate(c: OpContext, forest: Forest, dtype: 'f32' | 'f64'): Trees {
  const given = comparisons(forest.branches, dtype)
  checkCycles(c, given.next)
  const { starts: leafStarts } = forest.votes
  const owner = new Int32Array(given.features.length).fill(-1)
  const places = new Int32Array(given.features.length)
  const leafOwner = new Int32Array(leafStarts.length - 1).fill(-1)
  const leafPlaces = new Int32Array(leafStarts.length - 1)
  // The given branch or leaf that stands at each new place.
  const branches: number[] = []
  const leaves: number[] = []
  const firstLeaf: number[] = []
  const next: number[] = []
  const roots = forest.roots.map((first, tree) => {
    firstLeaf.push(leaves.length)
    const enter = (to: number): number => {
      if (to < 0) {
        if (leafOwner[-1 - to] !== tree) {
          leafOwner[-1 - to] = tree
          leafPlaces[-1 - to] = leaves.push(-1 - to) - 1
        }
        return -1 - leafPlaces[-1 - to]!
      }
      if (owner[to] !== tree) {
        owner[to] = tree
        places[to] = branches.push(to) - 1
      }
      return places[to]!
    }
    const root = enter(first < 0 ? first : given.starts[first]!)
    for (let at = next.length / 2; at < branches.length; at++) {
      const from = branches[at]!
      next.push(enter(given.next[2 * from]!), enter(given.next[2 * from + 1]!))
    }
    checkSize(branches.length + leaves.length)
    return root
  })
  firstLeaf.push(leaves.length)
  const { length } = branches
  return {
    branches: {
      thresholds: picked(new Float64Array(length), given.thresholds, branches),
      features: picked(new Int32Array(length), given.features, branches),
      missing: picked(new Uint8Array(length), given.missing, branches),
      next: Int32Array.from(next),
    },
    votes: pickVotes(forest.votes, leaves),
    roots,
    firstLeaf: Int32Array.from(firstLeaf),
  }
}

function picked<T extends Float64Array | Int32Array | Uint8Array>(into: T, from: T, places: readonly number[]): T {
  places.forEach((place, i) => (into[i] = from[place]!))
  return into
}

/** The votes of the given leaves, in that order. */
function pickVotes({ starts, targets, weights }: Votes, leaves: readonly number[]): Votes {
  const from = new Int32Array(leaves.length + 1)
  leaves.forEach((leaf, i) => (from[i + 1] = from[i]! + starts[leaf + 1]! - starts[leaf]!))
  const votes = { starts: from, targets: new Int32Array(from.at(-1)!), weights: new Float64Array(from.at(-1)!) }
  let to = 0
  for (const leaf of leaves) {
    for (let i = starts[leaf]!; i < starts[leaf + 1]!; i++, to++) {
      votes.targets[to] = targets[i]!
      votes.weights[to] = weights[i]!
    }
  }
  return votes
}

/** As many leaves as a branch of few bytes can tell apart. */
const fewLeaves = 1 << 15

/** Places that are looked at for a leaf of the same votes. Merging saves space and is no duty, so that hostile votes cost no time. */
const probes = 32

/**
 * The trees with leaves of the same votes put together: those of all trees where few are left then, else those of
 * each tree by itself. A forest that was grown to the end votes for one class at each leaf.
 */
export function mergeLeaves(trees: Trees): Trees {
  const all = Int32Array.of(0, trees.firstLeaf.at(-1)!)
  return mergedWithin(trees, all, fewLeaves) ?? mergedWithin(trees, trees.firstLeaf, Infinity)!
}

/** Leaves of the same votes put together, but for those on both sides of a border; undefined where more than `limit` are left. */
function mergedWithin(trees: Trees, borders: Int32Array, limit: number): Trees | undefined {
  const { starts, targets, weights } = trees.votes
  const bits = new Int32Array(weights.buffer)
  const same = (a: number, b: number): boolean => {
    const length = starts[a + 1]! - starts[a]!
    if (length !== starts[b + 1]! - starts[b]!) return false
    for (let i = 0; i < length; i++) {
      const [p, q] = [starts[a]! + i, starts[b]! + i]
      if (targets[p] !== targets[q] || bits[2 * p] !== bits[2 * q] || bits[2 * p + 1] !== bits[2 * q + 1]) return false
    }
    return true
  }
  const mix = (hash: number, part: number): number => Math.imul(hash ^ part ^ (hash >>> 15), 0x2c1b3c6d)
  const hashOf = (leaf: number): number => {
    let hash = 1
    for (let i = starts[leaf]!; i < starts[leaf + 1]!; i++)
      hash = mix(mix(mix(hash, targets[i]!), bits[2 * i]!), bits[2 * i + 1]!)
    return hash ^ (hash >>> 13)
  }
  const places = new Int32Array(starts.length - 1)
  const kept: number[] = []
  const firstKept = [0]
  for (let group = 0; group + 1 < borders.length; group++) {
    const [from, end] = [borders[group]!, borders[group + 1]!]
    const slots = new Int32Array(2 ** (33 - Math.clz32(Math.min(end - from, limit)))).fill(-1)
    for (let leaf = from; leaf < end; leaf++) {
      let at = hashOf(leaf) & (slots.length - 1)
      let tried = 0
      while (slots[at]! >= 0 && tried < probes && !same(kept[slots[at]!]!, leaf)) {
        at = (at + 1) & (slots.length - 1)
        tried++
      }
      const isNew = slots[at]! < 0 || tried === probes
      const place = isNew ? kept.push(leaf) - 1 : slots[at]!
      if (slots[at]! < 0) slots[at] = place
      places[leaf] = place
      if (kept.length > limit) return undefined
    }
    firstKept.push(kept.length)
  }
  const move = (to: number): number => (to < 0 ? -1 - places[-1 - to]! : to)
  return {
    branches: { ...trees.branches, next: trees.branches.next.map(move) },
    votes: pickVotes(trees.votes, kept),
    roots: trees.roots.map(move),
    firstLeaf: Int32Array.from(firstKept),
  }
}
