import { fail } from '../../../core/diagnostic.ts'
import { reader, type Tensor } from '../../../core/tensor.ts'
import type { OpContext } from '../../context.ts'

export const branchModes = ['LEQ', 'LT', 'GTE', 'GT', 'EQ', 'NEQ'] as const
export type BranchMode = (typeof branchModes)[number]

/** `feature` compared with `threshold` by `mode`; NaN goes to `yes` where `missing` says so. */
export interface Branch {
  readonly feature: number
  readonly threshold: number
  readonly mode: BranchMode
  readonly missing: boolean
  /** What comes next: a branch by its index, or leaf i as -1 - i. */
  yes: number
  no: number
}

export interface Vote {
  readonly target: number
  readonly weight: number
}

/** Decision trees over shared lists of branches and leaves. */
export interface Forest {
  readonly branches: readonly Branch[]
  /** The votes of each leaf. */
  readonly leaves: readonly (readonly Vote[])[]
  /** Where each tree starts, as in `Branch.yes`. */
  readonly roots: readonly number[]
}

const maxNodes = 1 << 20
/** Branches from a root to a leaf: each is a step that every tree takes. */
const maxDepth = 256

const values = (t: Tensor): number[] => {
  const read = reader(t)
  return Array.from({ length: t.data.length }, (_, i) => Number(read(i)))
}

/** Attribute `name`, or its double precision form `name_as_tensor`. */
export const floatsOf = (c: OpContext, name: string): number[] =>
  c.has(`${name}_as_tensor`) ? values(c.tensor(`${name}_as_tensor`)) : c.floats(name, [])

function checkSize(nodes: number): void {
  if (nodes > maxNodes) fail('A301', `the trees have ${nodes} nodes; the limit is ${maxNodes}`)
}

/**
 * The forest of a TreeEnsembleClassifier or TreeEnsembleRegressor. `votes` is the prefix of the attributes that tell the
 * leaves' weights. A tree's first node is its root.
 */
export function forestByIds(c: OpContext, votes: 'class' | 'target'): Forest {
  const nodeIds = c.ints('nodes_nodeids', [])
  const size = nodeIds.length
  checkSize(size)
  c.check(size > 0, 'there are no nodes')
  const column = <T>(name: string, list: readonly T[]): readonly T[] => {
    c.check(list.length === size, `${name} has ${list.length} values for ${size} nodes`)
    return list
  }
  const ints = (name: string): readonly number[] => column(name, c.ints(name, []))
  const [treeIds, features, yes, no] = [
    ints('nodes_treeids'),
    ints('nodes_featureids'),
    ints('nodes_truenodeids'),
    ints('nodes_falsenodeids'),
  ]
  const thresholds = column('nodes_values', floatsOf(c, 'nodes_values'))
  const modes = column('nodes_modes', c.strings('nodes_modes', []))
  const missing = c.ints('nodes_missing_value_tracks_true', [])

  const branches: Branch[] = []
  const leaves: Vote[][] = []
  const places = new Map<string, number>()
  const firsts = new Map<number, number>()
  const key = (tree: number, node: number): string => `${tree}:${node}`
  const owners: number[] = []
  nodeIds.forEach((id, i) => {
    const tree = treeIds[i]!
    const place = modes[i] === 'LEAF' ? -leaves.length - 1 : branches.length
    c.check(!places.has(key(tree, id)), `tree ${tree} has two nodes ${id}`)
    places.set(key(tree, id), place)
    if (!firsts.has(tree)) firsts.set(tree, place)
    if (modes[i] === 'LEAF') {
      leaves.push([])
      return
    }
    const mode = branchModes.find((m) => modes[i] === `BRANCH_${m}`)
    c.check(mode !== undefined, `node mode ${modes[i]}`)
    owners.push(i)
    branches.push({ feature: features[i]!, threshold: thresholds[i]!, mode, missing: missing[i] === 1, yes: 0, no: 0 })
  })
  const find = (tree: number, node: number): number => {
    const place = places.get(key(tree, node))
    c.check(place !== undefined, `tree ${tree} has no node ${node}`)
    return place
  }
  branches.forEach((branch, k) => {
    const i = owners[k]!
    branch.yes = find(treeIds[i]!, yes[i]!)
    branch.no = find(treeIds[i]!, no[i]!)
  })

  const weights = floatsOf(c, `${votes}_weights`)
  const [voteNodes, voteTrees, targets] = ['nodeids', 'treeids', 'ids'].map((name) => c.ints(`${votes}_${name}`, []))
  for (const list of [voteNodes, voteTrees, targets]) {
    c.check(list!.length === weights.length, `${list!.length} ids for ${weights.length} ${votes}_weights`)
  }
  weights.forEach((weight, i) => {
    const place = find(voteTrees![i]!, voteNodes![i]!)
    // A branch may have weights; nothing ever reads them.
    if (place < 0) leaves[-1 - place]!.push({ target: targets![i]!, weight })
  })
  return { branches, leaves, roots: [...firsts.values()] }
}

/** The forest of a TreeEnsemble. A set's test becomes a chain of equalities. */
export function forestByIndices(c: OpContext): Forest {
  const modes = values(c.tensor('nodes_modes'))
  const size = modes.length
  const ints = (name: string): number[] => {
    const list = c.ints(name)
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
  const splits = values(c.tensor('nodes_splits'))
  c.check(splits.length === size, `nodes_splits has ${splits.length} values for ${size} nodes`)
  const missing = c.ints('nodes_missing_value_tracks_true', [])
  const members = c.has('membership_values') ? values(c.tensor('membership_values')) : []
  const weights = values(c.tensor('leaf_weights'))
  const targets = c.ints('leaf_targetids')
  c.check(targets.length === weights.length, `${targets.length} leaf_targetids for ${weights.length} leaf_weights`)
  checkSize(size + members.length + weights.length)

  const branches: Branch[] = []
  // Where the chain of each node begins and ends.
  const starts: number[] = []
  const ends: number[] = []
  let member = 0
  modes.forEach((number, i) => {
    starts.push(branches.length)
    const add = (mode: BranchMode, threshold: number): void => {
      branches.push({ feature: features![i]!, threshold, mode, missing: missing[i] === 1, yes: 0, no: 0 })
    }
    if (number === branchModes.length) {
      // NaN separates the sets.
      while (member < members.length && !Number.isNaN(members[member]!)) add('EQ', members[member++]!)
      member++
      c.check(branches.length > starts[i]!, `node ${i} tests for membership of an empty set`)
    } else {
      const mode = branchModes[number]
      c.check(mode !== undefined, `node mode ${number}`)
      add(mode, splits[i]!)
    }
    ends.push(branches.length)
  })
  const place = (index: number, isLeaf: number): number => {
    c.check(index >= 0 && index < (isLeaf ? weights.length : size), `there is no ${isLeaf ? 'leaf' : 'node'} ${index}`)
    return isLeaf ? -1 - index : starts[index]!
  }
  modes.forEach((_, i) => {
    for (let k = starts[i]!; k < ends[i]!; k++) {
      branches[k]!.yes = place(yes![i]!, yesLeaf![i]!)
      branches[k]!.no = k + 1 < ends[i]! ? k + 1 : place(no![i]!, noLeaf![i]!)
    }
  })
  // A tree that is a leaf alone is a node whose two ways lead to it.
  const roots = c.ints('tree_roots').map((root) => place(root, 0))
  return { branches, leaves: weights.map((weight, i) => [{ target: targets[i]!, weight }]), roots }
}

/** The leaves that each tree can reach. */
export function leavesByTree({ branches, roots }: Forest): number[][] {
  let visits = 0
  return roots.map((root) => {
    const leaves: number[] = []
    const seen = new Set([root])
    for (const next of seen) {
      if (next < 0) leaves.push(-1 - next)
      else seen.add(branches[next]!.yes).add(branches[next]!.no)
    }
    visits += seen.size
    checkSize(visits)
    return leaves
  })
}

/** Steps after which every tree is at a leaf. A205 for a cycle, A301 for trees that are too deep. */
export function depthOf(c: OpContext, { branches, roots }: Forest): number {
  const parents = new Array<number>(branches.length).fill(0)
  for (const { yes, no } of branches) for (const next of [yes, no]) if (next >= 0) parents[next]!++
  const depths = new Array<number>(branches.length).fill(1)
  const ready = branches.map((_, i) => i).filter((i) => parents[i] === 0)
  for (let at = 0; at < ready.length; at++) {
    const { yes, no } = branches[ready[at]!]!
    for (const next of [yes, no]) {
      if (next < 0) continue
      depths[next] = Math.max(depths[next]!, depths[ready[at]!]! + 1)
      if (--parents[next]! === 0) ready.push(next)
    }
  }
  c.check(ready.length === branches.length, 'the nodes of a tree form a cycle')
  c.check(roots.length > 0, 'there are no trees')
  const depth = depths.reduce((a, b) => Math.max(a, b), 0)
  if (depth > maxDepth) fail('A301', `a tree is ${depth} nodes deep; the limit is ${maxDepth}`)
  return depth
}
