import { fail } from '../../../core/diagnostics/diagnostic.ts'
import { toNumbers } from '../../../core/tensor.ts'
import type { OpContext } from '../../context.ts'

export const branchModes = ['LEQ', 'LT', 'GTE', 'GT', 'EQ', 'NEQ'] as const
export type BranchMode = (typeof branchModes)[number]

/**
 * Branches as a model has them: of each the feature, the threshold, how they are compared, whether NaN goes to the first of
 * the two in `next`, and what those are: a branch by its index, or leaf i as -1 - i.
 */
export interface Branches {
  readonly features: Int32Array
  readonly thresholds: Float64Array
  readonly modes: readonly BranchMode[]
  readonly missing: Uint8Array
  readonly next: Int32Array
}

/** The votes of leaves: those of leaf i stand from `starts[i]` up to `starts[i + 1]`. */
export interface Votes {
  readonly starts: Int32Array
  readonly targets: Int32Array
  readonly weights: Float64Array
}

/** Decision trees over shared lists of branches and leaves. */
export interface Forest {
  readonly branches: Branches
  readonly votes: Votes
  /** Where each tree starts, as in `Branches.next`. */
  readonly roots: Int32Array
}

/** Nodes, and members of the sets that they test for. */
export const maxNodes = 1 << 24

/** A list of numbers, or its double precision form `name_as_tensor`. */
function column(c: OpContext, name: string): Float64Array {
  const tensor = `${name}_as_tensor`
  return Float64Array.from(c.has(tensor) ? toNumbers(c.tensor(tensor)) : c.column(name))
}

/** Attribute `name`, or its double precision form `name_as_tensor`. */
export const floatsOf = (c: OpContext, name: string): number[] => [...column(c, name)]

export function checkSize(nodes: number): void {
  if (nodes > maxNodes) fail('A301', `the trees have ${nodes} nodes; the limit is ${maxNodes}`)
}

/**
 * Finds nodes by their tree and their number in it. Exporters write a tree's nodes one behind the other in the order of their
 * numbers; nodes that stand elsewhere are found by bisection.
 */
class NodeIndex {
  private readonly first = new Map<number, number>()
  /** Nodes that do not stand where their number says, in order. */
  private readonly others: Int32Array
  private readonly trees: ArrayLike<number>
  private readonly ids: ArrayLike<number>

  constructor(trees: ArrayLike<number>, ids: ArrayLike<number>) {
    this.trees = trees
    this.ids = ids
    const others: number[] = []
    for (let i = 0; i < ids.length; i++) {
      if (!this.first.has(trees[i]!)) this.first.set(trees[i]!, i)
      if (this.first.get(trees[i]!)! + ids[i]! !== i) others.push(i)
    }
    this.others = Int32Array.from(others).sort((i, j) => trees[i]! - trees[j]! || ids[i]! - ids[j]! || i - j)
  }

  /** The first node of each tree. */
  get roots(): number[] {
    return [...this.first.values()]
  }

  /** A node with the number of one before it, if there is any. */
  get repeated(): number | undefined {
    return this.others.find((i) => this.find(this.trees[i]!, this.ids[i]!) !== i)
  }

  /** Negative where there is none. */
  find(tree: number, id: number): number {
    const { trees, ids, others } = this
    const first = this.first.get(tree)
    if (first === undefined) return -1
    if (ids[first + id] === id && trees[first + id] === tree) return first + id
    let [low, high] = [0, others.length]
    while (low < high) {
      const middle = (low + high) >> 1
      const i = others[middle]!
      if (trees[i]! < tree || (trees[i] === tree && ids[i]! < id)) low = middle + 1
      else high = middle
    }
    const found = others[low]
    return found !== undefined && trees[found] === tree && ids[found] === id ? found : -1
  }
}

/** Votes in the order of their leaves; those of leaf -1 are left out. */
function votesOf(leaves: number, owners: Int32Array, targets: ArrayLike<number>, weights: Float64Array): Votes {
  const starts = new Int32Array(leaves + 1)
  for (const leaf of owners) if (leaf >= 0) starts[leaf + 1]!++
  for (let i = 0; i < leaves; i++) starts[i + 1]! += starts[i]!
  const at = starts.slice()
  const votes = { starts, targets: new Int32Array(starts[leaves]!), weights: new Float64Array(starts[leaves]!) }
  owners.forEach((leaf, i) => {
    if (leaf < 0) return
    const to = at[leaf]!++
    votes.targets[to] = targets[i]!
    votes.weights[to] = weights[i]!
  })
  return votes
}

/**
 * The forest of a TreeEnsembleClassifier or TreeEnsembleRegressor. `prefix` is that of the attributes that tell the
 * leaves' weights. A tree's first node is its root.
 */
export function forestByIds(c: OpContext, prefix: 'class' | 'target'): Forest {
  const ids = c.column('nodes_nodeids')
  const size = ids.length
  checkSize(size)
  c.check(size > 0, 'there are no nodes')
  const sized = <T extends ArrayLike<unknown>>(name: string, list: T): T => {
    c.check(list.length === size, `${name} has ${list.length} values for ${size} nodes`)
    return list
  }
  const numbers = (name: string): Float64Array | Float32Array => sized(name, c.column(name))
  const [treeIds, features] = [numbers('nodes_treeids'), numbers('nodes_featureids')]
  const [yes, no] = [numbers('nodes_truenodeids'), numbers('nodes_falsenodeids')]
  const thresholds = sized('nodes_values', column(c, 'nodes_values'))
  const modes = sized('nodes_modes', c.strings('nodes_modes', []))
  const missing = c.column('nodes_missing_value_tracks_true')

  const index = new NodeIndex(treeIds, ids)
  const { repeated } = index
  if (repeated !== undefined) c.check(false, `tree ${treeIds[repeated]} has two nodes ${ids[repeated]}`)
  const places = new Int32Array(size)
  // The node of each branch.
  const owners: number[] = []
  let leaves = 0
  for (let i = 0; i < size; i++) places[i] = modes[i] === 'LEAF' ? -1 - leaves++ : owners.push(i) - 1
  const find = (tree: number, node: number): number => {
    const i = index.find(tree, node)
    if (i < 0) c.check(false, `tree ${tree} has no node ${node}`)
    return places[i]!
  }
  const modeNames = new Map<string, BranchMode>(branchModes.map((mode) => [`BRANCH_${mode}`, mode]))
  const branches: Branches = {
    features: new Int32Array(owners.length),
    thresholds: new Float64Array(owners.length),
    modes: owners.map((i) => modeNames.get(modes[i]!) ?? fail('A205', `node mode ${modes[i]}`)),
    missing: new Uint8Array(owners.length),
    next: new Int32Array(2 * owners.length),
  }
  owners.forEach((i, k) => {
    branches.features[k] = features[i]!
    branches.thresholds[k] = thresholds[i]!
    branches.missing[k] = missing[i] === 1 ? 1 : 0
    branches.next[2 * k] = find(treeIds[i]!, yes[i]!)
    branches.next[2 * k + 1] = find(treeIds[i]!, no[i]!)
  })

  const weights = column(c, `${prefix}_weights`)
  const [voteNodes, voteTrees, targets] = ['nodeids', 'treeids', 'ids'].map((name) => c.column(`${prefix}_${name}`))
  for (const list of [voteNodes, voteTrees, targets])
    c.check(list!.length === weights.length, `${list!.length} ids for ${weights.length} ${prefix}_weights`)
  const leafOf = new Int32Array(weights.length)
  // A branch may have weights; nothing ever reads them.
  for (let i = 0; i < weights.length; i++) leafOf[i] = -1 - Math.min(0, find(voteTrees![i]!, voteNodes![i]!))
  const roots = Int32Array.from(index.roots, (i) => places[i]!)
  return { branches, votes: votesOf(leaves, leafOf, targets!, weights), roots }
}

/** The forest of a TreeEnsemble. A set's test becomes a chain of equalities. */
export function forestByIndices(c: OpContext): Forest {
  const kinds = toNumbers(c.tensor('nodes_modes'))
  const size = kinds.length
  const ints = (name: string): Float64Array | Float32Array => {
    const list = c.column(name)
    c.check(list.length === size, `${name} has ${list.length} values for ${size} nodes`)
    return list
  }
  const [features, yes, no, yesLeaf, noLeaf] = [
    'nodes_featureids',
    'nodes_truenodeids',
    'nodes_falsenodeids',
    'nodes_trueleafs',
    'nodes_falseleafs',
  ].map(ints)
  const splits = toNumbers(c.tensor('nodes_splits'))
  c.check(splits.length === size, `nodes_splits has ${splits.length} values for ${size} nodes`)
  const missing = c.column('nodes_missing_value_tracks_true')
  const members = c.has('membership_values') ? toNumbers(c.tensor('membership_values')) : []
  const weights = Float64Array.from(toNumbers(c.tensor('leaf_weights')))
  const targets = c.column('leaf_targetids')
  c.check(targets.length === weights.length, `${targets.length} leaf_targetids for ${weights.length} leaf_weights`)
  checkSize(size + members.length + weights.length)

  // The node of each branch.
  const owners: number[] = []
  const modes: BranchMode[] = []
  const thresholds: number[] = []
  // Where the chain of each node begins.
  const starts: number[] = []
  let member = 0
  kinds.forEach((kind, i) => {
    starts.push(owners.length)
    const add = (mode: BranchMode, threshold: number): void => {
      owners.push(i)
      modes.push(mode)
      thresholds.push(threshold)
    }
    if (kind !== branchModes.length) {
      const mode = branchModes[kind]
      c.check(mode !== undefined, `node mode ${kind}`)
      add(mode, splits[i]!)
      return
    }
    // NaN separates the sets.
    while (member < members.length && !Number.isNaN(members[member]!)) add('EQ', members[member++]!)
    member++
    c.check(owners.length > starts[i]!, `node ${i} tests for membership of an empty set`)
  })
  const place = (index: number, isLeaf: number): number => {
    if (!(index >= 0 && index < (isLeaf ? weights.length : size)))
      c.check(false, `there is no ${isLeaf ? 'leaf' : 'node'} ${index}`)
    return isLeaf ? -1 - index : starts[index]!
  }
  const next = new Int32Array(2 * owners.length)
  owners.forEach((i, k) => {
    next[2 * k] = place(yes![i]!, yesLeaf![i]!)
    next[2 * k + 1] = owners[k + 1] === i ? k + 1 : place(no![i]!, noLeaf![i]!)
  })
  const branches: Branches = {
    features: Int32Array.from(owners, (i) => features![i]!),
    thresholds: Float64Array.from(thresholds),
    modes,
    missing: Uint8Array.from(owners, (i) => (missing[i] === 1 ? 1 : 0)),
    next,
  }
  // A tree that is a leaf alone is a node whose two ways lead to it.
  const roots = Int32Array.from(c.column('tree_roots'), (root) => place(root, 0))
  return { branches, votes: votesOf(weights.length, Int32Array.from(weights.keys()), targets, weights), roots }
}
