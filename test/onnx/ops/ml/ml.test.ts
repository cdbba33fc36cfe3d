import { describe, expect, it } from 'vitest'
import { CompileError } from '../../../../compiler/core/diagnostics/diagnostic.ts'
import type { DType } from '../../../../compiler/core/scalar/dtype.ts'
import { tensorOf, toNumbers, type Tensor } from '../../../../compiler/core/tensor.ts'
import { stored, type AttributeValue } from '../../build.ts'
import { close, f32, floats, logistic, run, strings, type Case } from './node.ts'

function codeOf(body: () => unknown): string | undefined {
  try {
    body()
  } catch (error) {
    if (error instanceof CompileError) return error.diagnostics[0]!.code
    throw error
  }
  return undefined
}

describe('linear models', () => {
  it('regresses', () => {
    const attributes = { coefficients: floats(1, 2, 3, 4), intercepts: floats(0.5, -0.5), targets: 2 }
    close(run('LinearRegressor', [f32([1, 2], [1, 10])], { attributes })[0]!, [21.5, 42.5])
  })

  it('classifies by the greatest score', () => {
    const attributes = {
      coefficients: floats(1, 0, 0, 1, 1, 1),
      intercepts: floats(0, 0, -10),
      classlabels_ints: [7, 8, 9],
      post_transform: 'SOFTMAX',
    }
    const [label, scores] = run('LinearClassifier', [f32([2, 2], [3, 1, 20, 30])], { attributes, outputs: 2 })
    expect(label!.data).toEqual(BigInt64Array.of(7n, 9n))
    const shares = (...logits: number[]): number[] => {
      const total = logits.reduce((sum, l) => sum + Math.exp(l), 0)
      return logits.map((l) => Math.exp(l) / total)
    }
    close(scores!, [...shares(3, 1, -6), ...shares(20, 30, 40)])
  })

  it('takes one score as a margin under LOGISTIC', () => {
    const attributes = {
      ...{ coefficients: floats(0.8, -0.5), intercepts: floats(0.3), classlabels_ints: [0, 1] },
      post_transform: 'LOGISTIC',
    }
    const [label, scores] = run('LinearClassifier', [f32([2, 2], [1, 2, -1, 0.5])], { attributes, outputs: 2 })
    expect(toNumbers(label!)).toEqual([1, 0])
    close(scores!, [logistic(-0.1), logistic(0.1), logistic(0.75), logistic(-0.75)])
  })

  it('gives two classes from one score', () => {
    const attributes = { coefficients: floats(1), intercepts: floats(-0.25), classlabels_ints: [-1, 1] }
    const [label, scores] = run('LinearClassifier', [f32([2, 1], [0.25, 1])], { attributes, outputs: 2 })
    expect(label!.data).toEqual(BigInt64Array.of(-1n, 1n))
    close(scores!, [1, 0, 0.25, 0.75])
  })
})

/** Tree 0: x0 `mode` 1 ? leaf 1 : (x1 <= 0 ? leaf 3 : leaf 4); tree 1 is a leaf. */
const nodes = (mode: string, missing = 0): Record<string, AttributeValue> => ({
  nodes_treeids: [0, 0, 0, 0, 0, 1],
  nodes_nodeids: [0, 1, 2, 3, 4, 0],
  nodes_featureids: [0, 0, 1, 0, 0, 0],
  nodes_values: floats(1, 0, 0, 0, 0, 0),
  nodes_modes: strings(mode, 'LEAF', 'BRANCH_LEQ', 'LEAF', 'LEAF', 'LEAF'),
  nodes_truenodeids: [1, 0, 3, 0, 0, 0],
  nodes_falsenodeids: [2, 0, 4, 0, 0, 0],
  nodes_missing_value_tracks_true: [missing, 0, 0, 0, 0, 0],
})
const votes = (prefix: string, ids: number[], weights: number[]): Record<string, AttributeValue> => ({
  [`${prefix}_treeids`]: [0, 0, 0, 1],
  [`${prefix}_nodeids`]: [1, 3, 4, 0],
  [`${prefix}_ids`]: ids,
  [`${prefix}_weights`]: { floats: weights },
})

describe('tree ensembles', () => {
  const x = f32([4, 2], [0, 0, 1, 0, 2, -1, 2, 1])
  const regress = (attributes: Case['attributes'] = {}, input = x): Tensor =>
    run('TreeEnsembleRegressor', [input], { attributes })[0]!
  const single = votes('target', [0, 0, 0, 0], [10, 20, 30, 5])

  it.each([
    ['BRANCH_LEQ', [10, 10, 20, 30]],
    ['BRANCH_LT', [10, 20, 20, 30]],
    ['BRANCH_GTE', [20, 10, 10, 10]],
    ['BRANCH_GT', [20, 20, 10, 10]],
    ['BRANCH_EQ', [20, 10, 20, 30]],
    ['BRANCH_NEQ', [10, 20, 10, 10]],
  ])('%s', (mode, leaves) => {
    close(
      regress({ ...nodes(mode), ...single, n_targets: 1 }),
      leaves.map((w) => w + 5),
    )
  })

  it('sends NaN where it is told to', () => {
    const input = f32([1, 2], [NaN, 1])
    close(regress({ ...nodes('BRANCH_LEQ'), ...single, n_targets: 1 }, input), [35])
    close(regress({ ...nodes('BRANCH_LEQ', 1), ...single, n_targets: 1 }, input), [15])
  })

  it('compares doubles as doubles', () => {
    const near = tensorOf('f64', [2, 2], [1 + 1e-12, 1, 1, 1])
    const result = regress({ ...nodes('BRANCH_LEQ'), ...single, n_targets: 1 }, near)
    expect(result.dtype).toBe('f32')
    close(result, [35, 15])
  })

  it.each([
    ['SUM', [115, 115, 125, 135]],
    ['AVERAGE', [107.5, 107.5, 112.5, 117.5]],
    ['MIN', [105, 105, 105, 105]],
    ['MAX', [110, 110, 120, 130]],
  ])('aggregates by %s', (aggregate, y) => {
    const attributes = { ...single, n_targets: 1, base_values: floats(100), aggregate_function: aggregate }
    close(regress({ ...nodes('BRANCH_LEQ'), ...attributes }), y)
  })

  it('has several targets, of each leaf or of each tree', () => {
    const mixed = votes('target', [0, 1, 0, 1], [10, 20, 30, 5])
    close(regress({ ...nodes('BRANCH_LEQ'), ...mixed, n_targets: 2 }), [10, 5, 10, 5, 0, 25, 30, 5])
    const least = { ...mixed, n_targets: 2, aggregate_function: 'MIN' }
    close(regress({ ...nodes('BRANCH_LEQ'), ...least }), [10, 5, 10, 5, 0, 5, 30, 5])
    const apart = votes('target', [2, 2, 2, 0], [10, 20, 30, 5])
    close(regress({ ...nodes('BRANCH_LEQ'), ...apart, n_targets: 3 }), [5, 0, 10, 5, 0, 10, 5, 0, 20, 5, 0, 30])
  })

  it('refuses cycles, absent nodes and absent features', () => {
    const base = { ...nodes('BRANCH_LEQ'), ...single, n_targets: 1 }
    expect(codeOf(() => regress({ ...base, nodes_truenodeids: [2, 0, 0, 0, 0, 0] }))).toBe('A205')
    expect(codeOf(() => regress({ ...base, nodes_truenodeids: [9, 0, 3, 0, 0, 0] }))).toBe('A205')
    expect(codeOf(() => regress({ ...base, nodes_featureids: [2, 0, 1, 0, 0, 0] }))).toBe('A205')
    expect(codeOf(() => regress({ ...base, n_targets: 0 }))).toBe('A205')
  })

  const classify = (given: Case['attributes'] = {}): [Tensor, Tensor] => {
    const attributes = { ...nodes('BRANCH_LEQ'), ...given }
    return run('TreeEnsembleClassifier', [x], { attributes, outputs: 2 }) as [Tensor, Tensor]
  }

  it('classifies among three', () => {
    const [label, scores] = classify({
      ...votes('class', [0, 1, 2, 1], [3, 2, 4, 1]),
      classlabels_int64s: [10, 20, 30],
    })
    expect(toNumbers(label)).toEqual([10, 10, 20, 30])
    close(scores, [3, 1, 0, 3, 1, 0, 0, 3, 0, 0, 1, 4])
  })

  it('counts no class without votes', () => {
    const [label] = classify({ ...votes('class', [0, 1, 2, 1], [-3, -2, -4, -9]), classlabels_int64s: [10, 20, 30] })
    expect(toNumbers(label)).toEqual([10, 10, 20, 30])
  })

  it('takes one nonnegative score as a probability', () => {
    const [label, scores] = classify({
      ...votes('class', [0, 0, 0, 0], [0.5, 0.25, 0.75, 0]),
      classlabels_int64s: [3, 4],
    })
    expect(toNumbers(label)).toEqual([3, 3, 3, 4])
    close(scores, [0.5, 0.5, 0.5, 0.5, 0.75, 0.25, 0.25, 0.75])
  })

  it('takes one score as a margin under LOGISTIC, also where no weight is negative', () => {
    const [label, scores] = classify({
      ...votes('class', [0, 0, 0, 0], [0, 0.25, 1.95, 0]),
      classlabels_int64s: [3, 4],
      post_transform: 'LOGISTIC',
    })
    expect(toNumbers(label)).toEqual([3, 3, 4, 4])
    close(
      scores,
      [0, 0, 0.25, 1.95].flatMap((s) => [logistic(-s), logistic(s)]),
    )
  })

  it('takes one signed score as a margin', () => {
    const attributes = { ...votes('class', [0, 0, 0, 0], [-1, 0.5, 2, 0]), classlabels_int64s: [3, 4] }
    const [label, scores] = classify({ ...attributes, base_values: floats(-1), post_transform: 'LOGISTIC' })
    expect(toNumbers(label)).toEqual([3, 3, 3, 4])
    const margins = [-2, -2, -0.5, 1]
    close(
      scores,
      margins.flatMap((s) => [logistic(-s), logistic(s)]),
    )
    close(classify(attributes)[1], [1, -1, 1, -1, -0.5, 0.5, -2, 2])
  })

  it('takes two scores as they are', () => {
    const [label, scores] = classify({ ...votes('class', [0, 1, 0, 1], [3, 2, 4, 0]), classlabels_int64s: [0, 1] })
    expect(toNumbers(label)).toEqual([0, 0, 1, 0])
    close(scores, [3, 0, 3, 0, 0, 2, 4, 0])
  })
})

describe('TreeEnsemble', () => {
  const tensor = (dtype: DType, values: number[]): AttributeValue => ({
    tensor: stored('t', tensorOf(dtype, [values.length], values)),
  })
  const attributes = {
    nodes_modes: tensor('u8', [6, 0]),
    nodes_featureids: [0, 1],
    nodes_splits: tensor('f32', [0, 2.5]),
    nodes_truenodeids: [0, 1],
    nodes_trueleafs: [1, 1],
    nodes_falsenodeids: [1, 2],
    nodes_falseleafs: [0, 1],
    membership_values: tensor('f32', [1, 7, 40]),
    leaf_targetids: [0, 0, 0],
    leaf_weights: tensor('f32', [10, 20, 30]),
    tree_roots: [0],
    n_targets: 1,
  }
  const x = f32([4, 2], [7, 9, 40, 0, 2, 2, 2, 3])

  it('tests for membership', () => close(run('TreeEnsemble', [x], { attributes, opset: 5 })[0]!, [10, 10, 20, 30]))

  it('transforms a single target', () => {
    const logisticOf = { ...attributes, leaf_weights: tensor('f32', [-1, 0.5, 2]), post_transform: 2 }
    const [y] = run('TreeEnsemble', [x], { attributes: logisticOf, opset: 5 })
    close(y!, [logistic(-1), logistic(-1), logistic(0.5), logistic(2)])
  })
})

describe('support vector machines', () => {
  it.each([
    ['LINEAR', [0, 0, 0], (a: number, b: number) => a + 2 * b],
    ['POLY', [2, 1, 3], (a: number, b: number) => (2 * (a + 2 * b) + 1) ** 3],
    ['RBF', [0.5, 0, 0], (a: number, b: number) => Math.exp(-0.5 * ((a - 1) ** 2 + (b - 2) ** 2))],
    ['SIGMOID', [0.1, 0.2, 0], (a: number, b: number) => Math.tanh(0.1 * (a + 2 * b) + 0.2)],
  ])('regresses with kernel %s', (kernel_type, params, kernel) => {
    const attributes = {
      kernel_type,
      kernel_params: { floats: params },
      support_vectors: floats(1, 2),
      coefficients: floats(3),
      n_supports: 1,
      rho: floats(0.25),
    }
    close(run('SVMRegressor', [f32([1, 2], [0.5, 1])], { attributes })[0]!, [3 * kernel(0.5, 1) + 0.25])
    const [side] = run('SVMRegressor', [f32([1, 2], [0.5, -9])], { attributes: { ...attributes, one_class: 1 } })
    close(side!, [3 * kernel(0.5, -9) + 0.25 > 0 ? 1 : -1])
  })

  it('classifies by the votes of pairs', () => {
    // One vector for each class: kernels with x are x0, x1 and x0 + x1.
    const attributes = {
      kernel_params: floats(0, 0, 0),
      support_vectors: floats(1, 0, 0, 1, 1, 1),
      vectors_per_class: [1, 1, 1],
      coefficients: floats(1, -1, -2, 3, 4, -5),
      rho: floats(0.5, 0, 1),
      classlabels_ints: [5, 6, 7],
    }
    // 0 against 1: 1 x0 - 1 x1 + 0.5; 0 against 2: 3 x0 - 2 (x0 + x1); 1 against 2: 4 x1 - 5 (x0 + x1) + 1.
    const [label, scores] = run('SVMClassifier', [f32([2, 2], [3, 1, 0, 0.5])], { attributes, outputs: 2 })
    close(scores!, [2.5, 1, -15, 0, -1, 0.5])
    expect(toNumbers(label!)).toEqual([5, 6])
  })

  it('gives two classes the score and its negative', () => {
    const attributes = {
      kernel_params: floats(0, 0, 0),
      support_vectors: floats(1, 2),
      vectors_per_class: [1, 1],
      coefficients: floats(1, -1),
      rho: floats(0.5),
      classlabels_ints: [5, 6],
    }
    const [label, scores] = run('SVMClassifier', [f32([2, 1], [3, 0])], { attributes, outputs: 2 })
    close(scores!, [2.5, -2.5, -0.5, 0.5])
    expect(toNumbers(label!)).toEqual([6, 5])
    const logisticOf = { ...attributes, post_transform: 'LOGISTIC' }
    const [, shares] = run('SVMClassifier', [f32([2, 1], [3, 0])], { attributes: logisticOf, outputs: 2 })
    close(
      shares!,
      [-2.5, 2.5, 0.5, -0.5].map((s) => logistic(-s)),
    )
  })

  it('is linear without support vectors', () => {
    const attributes = { coefficients: floats(1, 2, -3), rho: floats(0.5), classlabels_ints: [5, 6, 7] }
    const [label, scores] = run('SVMClassifier', [f32([2, 1], [1, -1])], { attributes, outputs: 2 })
    close(scores!, [1.5, 2.5, -2.5, -0.5, -1.5, 3.5])
    expect(toNumbers(label!)).toEqual([6, 7])
  })
})

it.each([
  ['SOFTMAX_ZERO', [0, Math.exp(-1), 1].map((v) => v / (Math.exp(-1) + 1))],
  ['LOGISTIC', [0, 1, 2].map(logistic)],
])('post_transform %s', (post_transform, y) => {
  const attributes = { coefficients: floats(0, 1, 2), targets: 3, post_transform }
  close(run('LinearRegressor', [f32([1, 1], [1])], { attributes })[0]!, y)
})

it('post_transform PROBIT approximates the normal quantile', () => {
  const attributes = { coefficients: floats(1, 2), targets: 2, post_transform: 'PROBIT' }
  const [result] = run('LinearRegressor', [f32([1, 1], [0.25])], { attributes })
  expect(toNumbers(result!)[0]).toBeCloseTo(-0.6745, 2)
  expect(toNumbers(result!)[1]).toBeCloseTo(0, 5)
})
