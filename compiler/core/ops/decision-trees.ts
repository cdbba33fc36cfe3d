import { check } from '../diagnostics/check.ts'
import { zeros } from '../tensor.ts'
import { inOperand, inResult, sameAttributes, sameIndex, type Facets } from './facets.ts'

/**
 * The leaf that each row reaches in each tree: i32 [rows, trees]. Operands: x, f32 or f64 [rows, features]; of each branch
 * the threshold, of x's dtype [branches], the feature, i32 [branches], what comes next, i32 [branches, 2], and whether NaN
 * counts as below the threshold, u8 [branches]; and where each tree begins, i32 [trees]. A branch goes to the first of the two where x at
 * its feature is at most the threshold, else to the second; branch i stands as i, leaf i as -1 - i. All but x must be constants
 * when the graph is scheduled, without cycles, and each index in its range.
 */
export const decisionTrees: Facets<object> = {
  type: ([x, thresholds, features, next, missing, roots]) => {
    check(roots !== undefined, 'decision_trees wants six operands')
    check(x!.dtype === 'f32' || x!.dtype === 'f64', `decision_trees of ${x!.dtype}`)
    check(
      x!.shape.length === 2 && roots.shape.length === 1,
      'decision_trees wants rows of features, and a list of roots',
    )
    const [branches] = thresholds!.shape
    const lists = [thresholds, features, missing].every((t) => t!.shape.length === 1 && t!.shape[0] === branches)
    const pairs = next!.shape.length === 2 && next!.shape[0] === branches && next!.shape[1] === 2
    check(lists && pairs, 'tables of decision_trees differ in length')
    const dtypes = [x!.dtype, 'i32', 'i32', 'u8', 'i32']
    const given = [thresholds, features, next, missing, roots].map((t) => t!.dtype)
    check(
      given.every((dtype, i) => dtype === dtypes[i]),
      `tables of decision_trees are ${given.join(', ')}`,
    )
    return [{ dtype: 'i32', shape: [x!.shape[0]!, roots.shape[0]!] }]
  },
  evaluate: ([x, ...tables]) => {
    const [thresholds, features, next, missing, roots] = tables.map((t) => t.data as Int32Array)
    const [rows, width] = x!.shape as [number, number]
    const trees = roots!.length
    const leaves = zeros('i32', [rows, trees])
    const data = x!.data as Float64Array
    for (let i = 0; i < rows * trees; i++) {
      let at = roots![i % trees]!
      while (at >= 0) {
        const value = data[Math.floor(i / trees) * width + features![at]!]!
        const below = value <= thresholds![at]! || (Number.isNaN(value) && missing![at] !== 0)
        at = next![2 * at + (below ? 0 : 1)]!
      }
      leaves.data[i] = -1 - at
    }
    return [leaves]
  },
  // Which features and branches a row meets depends on data.
  indices: ([x, , , , , roots]) => {
    const [extent] = roots!.shape as [number]
    return [sameIndex(x!, 0, 0), { extent, places: [inOperand(5, 0, extent), inResult(0, 1, extent)] }]
  },
  keep: sameAttributes,
}
