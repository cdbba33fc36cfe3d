import { storedIn } from '../graph.ts'
import type { Rule } from './rule.ts'

/** Leaves up to which an f32 tells their numbers apart. */
const mostLeaves = 2 ** 24
/** How much larger trees may become whose branches have several parents. */
const mostNodes = 2 ** 22

/** TreeEnsembleRegressor (ai.onnx.ml): tree t adds the number of its leaf to target t. */
export const decisionTrees: Rule<'decision_trees'> = (e, node, [x, ...tables]) => {
  const shape = node.results[0]!.type.shape
  if (x!.type.dtype !== 'f32') e.refuse(`TreeEnsembleRegressor does not take ${x!.type.dtype}`)
  const [thresholds, features, next, missing, roots] = tables.map((table) => {
    const tensor = storedIn(table) ?? e.refuse('the tables of decision trees are not constants')
    return tensor.data as Int32Array
  }) as [Int32Array, Int32Array, Int32Array, Int32Array, Int32Array]
  const ids = { trees: [] as number[], nodes: [] as number[] }
  const list = {
    modes: [] as string[],
    features: [] as number[],
    values: [] as number[],
    yes: [] as number[],
    no: [] as number[],
    missing: [] as number[],
  }
  const leaves = { trees: [] as number[], nodes: [] as number[], weights: [] as number[] }
  roots.forEach((root, tree) => {
    const queue = [root]
    for (let id = 0; id < queue.length; id++) {
      if (ids.nodes.length >= mostNodes) e.refuse(`the trees have more than ${mostNodes} nodes`)
      const at = queue[id]!
      ids.trees.push(tree)
      ids.nodes.push(id)
      const isLeaf = at < 0
      if (isLeaf) {
        const leaf = -1 - at
        if (leaf >= mostLeaves) e.refuse(`the trees have more than ${mostLeaves} leaves`)
        leaves.trees.push(tree)
        leaves.nodes.push(id)
        leaves.weights.push(leaf)
      } else queue.push(next[2 * at]!, next[2 * at + 1]!)
      list.modes.push(isLeaf ? 'LEAF' : 'BRANCH_LEQ')
      list.features.push(isLeaf ? 0 : features[at]!)
      list.values.push(isLeaf ? 0 : thresholds[at]!)
      list.yes.push(isLeaf ? 0 : queue.length - 2)
      list.no.push(isLeaf ? 0 : queue.length - 1)
      list.missing.push(isLeaf ? 0 : missing[at]!)
    }
  })
  const attributes = {
    n_targets: roots.length,
    nodes_treeids: ids.trees,
    nodes_nodeids: ids.nodes,
    nodes_modes: { strings: list.modes },
    nodes_featureids: list.features,
    nodes_values: { floats: list.values },
    nodes_truenodeids: list.yes,
    nodes_falsenodeids: list.no,
    nodes_missing_value_tracks_true: list.missing,
    target_treeids: leaves.trees,
    target_nodeids: leaves.nodes,
    target_ids: leaves.trees,
    target_weights: { floats: leaves.weights },
  }
  const [y] = e.nodeOf('TreeEnsembleRegressor', [x], [{ dtype: 'f32', shape }], attributes, 'ai.onnx.ml')
  return [e.cast(y!, 'i32')]
}
