import { describe, expect, it } from 'vitest'
import { toNumbers, tensorOf, type Tensor } from '../../../../compiler/core/tensor.ts'
import { below } from '../../../../compiler/onnx/ops/ml/forest.ts'
import { compile } from '../../../../compiler/pipeline.ts'
import { Random } from '../../../support/random.ts'
import { runModule } from '../../../support/run-graph.ts'
import type { AttributeValue } from '../../build.ts'
import { modelOf, runNode, type OneNode } from '../../one-node.ts'

interface TestNode {
  readonly tree: number
  readonly id: number
  mode: string
  feature: number
  threshold: number
  missing: number
  yes: number
  no: number
  weight: number
}

const modes = ['BRANCH_LEQ', 'BRANCH_LT', 'BRANCH_GTE', 'BRANCH_GT', 'BRANCH_EQ', 'BRANCH_NEQ']
/** Few, so that inputs meet them. */
const thresholds = [0, -0, 0.5, 1, -1.5, 2 ** -149, Infinity, -Infinity, NaN]

interface ForestShape {
  readonly trees: number
  readonly features: number
  readonly depth: number
  /** Whether branches stop early. */
  readonly ragged?: boolean
  readonly modes?: readonly string[]
  readonly weights?: readonly number[]
}

function forest(random: Random, { trees, features, depth, ragged = true, ...rest }: ForestShape): TestNode[] {
  const nodes: TestNode[] = []
  for (let tree = 0; tree < trees; tree++) {
    let next = 0
    const grow = (left: number): number => {
      const id = next++
      const node = {
        ...{ tree, id, mode: 'LEAF', feature: 0, threshold: 0, missing: 0, yes: 0, no: 0 },
        weight: rest.weights ? random.pick(rest.weights) : random.int(1000) / 8,
      }
      nodes.push(node)
      if (left === 0 || (ragged && random.int(5) === 0)) return id
      node.mode = random.pick(rest.modes ?? modes)
      node.feature = random.int(features)
      node.threshold = random.pick(thresholds)
      node.missing = random.int(2)
      node.yes = grow(left - 1)
      node.no = grow(left - 1)
      return id
    }
    grow(depth)
  }
  return nodes
}

function attributesOf(nodes: readonly TestNode[]): Record<string, AttributeValue> {
  const leaves = nodes.filter(({ mode }) => mode === 'LEAF')
  const ints = (key: 'tree' | 'id' | 'feature' | 'missing' | 'yes' | 'no') => nodes.map((node) => node[key])
  return {
    nodes_treeids: ints('tree'),
    nodes_nodeids: ints('id'),
    nodes_featureids: ints('feature'),
    nodes_values: { floats: nodes.map(({ threshold }) => threshold) },
    nodes_modes: { strings: nodes.map(({ mode }) => mode) },
    nodes_truenodeids: ints('yes'),
    nodes_falsenodeids: ints('no'),
    nodes_missing_value_tracks_true: ints('missing'),
    target_treeids: leaves.map(({ tree }) => tree),
    target_nodeids: leaves.map(({ id }) => id),
    target_ids: leaves.map(() => 0),
    target_weights: { floats: leaves.map(({ weight }) => weight) },
    n_targets: 1,
  }
}

const compare: Readonly<Record<string, (x: number, t: number) => boolean>> = {
  BRANCH_LEQ: (x, t) => x <= t,
  BRANCH_LT: (x, t) => x < t,
  BRANCH_GTE: (x, t) => x >= t,
  BRANCH_GT: (x, t) => x > t,
  BRANCH_EQ: (x, t) => x === t,
  BRANCH_NEQ: (x, t) => x !== t,
}

/** The sum of the leaves that `row` reaches. Weights are eighths, so that sums are exact in any order. */
function walk(nodes: readonly TestNode[], row: readonly number[]): number {
  const byKey = new Map(nodes.map((node) => [`${node.tree} ${node.id}`, node]))
  const trees = new Set(nodes.map(({ tree }) => tree))
  let sum = 0
  for (const tree of trees) {
    let node = nodes.find((each) => each.tree === tree)!
    while (node.mode !== 'LEAF') {
      const x = row[node.feature]!
      const goes = compare[node.mode]!(x, node.threshold) || (Number.isNaN(x) && node.missing === 1)
      node = byKey.get(`${tree} ${goes ? node.yes : node.no}`)!
    }
    sum += node.weight
  }
  return sum
}

const values = [...thresholds, 0.25, 3, -2, -(2 ** -149), 1 + 2 ** -23]

function rowsOf(random: Random, count: number, features: number): number[][] {
  return Array.from({ length: count }, () => Array.from({ length: features }, () => random.pick(values)))
}

const nodeOf = (nodes: readonly TestNode[], x: Tensor): OneNode => ({
  operator: 'TreeEnsembleRegressor',
  domain: 'ai.onnx.ml',
  opset: 3,
  inputs: [x],
  attributes: attributesOf(nodes),
})

async function compiledSums(node: OneNode): Promise<number[]> {
  const { modules, spec } = await compile(modelOf(node), { targets: ['simd'] })
  return toNumbers(runModule(modules.simd!, spec, { i0: node.inputs[0]! })['o0']!)
}

/** Expects the sums of plain walks from the evaluator and from the compiled module. */
async function expectWalks(random: Random, nodes: TestNode[], dtype: 'f32' | 'f64', rows: number, features: number) {
  const given = rowsOf(random, rows, features)
  const node = nodeOf(nodes, tensorOf(dtype, [rows, features], given.flat()))
  const expected = given.map((row) => walk(nodes, row))
  expect(toNumbers(runNode(node)[0]!)).toEqual(expected)
  expect(await compiledSums(node)).toEqual(expected)
}

describe('compiled forests', () => {
  it.each([1, 2, 3, 4, 5, 9])('reach the leaves of plain walks in a batch of %i', async (rows) => {
    const random = new Random(rows)
    for (const trees of [1, 3, 5]) {
      const nodes = forest(random, { trees, features: 5, depth: 5 })
      await expectWalks(random, nodes, 'f32', rows, 5)
    }
  })

  it('compare doubles', async () => {
    const random = new Random(1)
    const nodes = forest(random, { trees: 6, features: 3, depth: 5 })
    await expectWalks(random, nodes, 'f64', 6, 3)
  })

  it('know features beyond 15 bits', async () => {
    const random = new Random(2)
    const features = 2 ** 15 + 3
    const nodes = forest(random, { trees: 5, features, depth: 4, ragged: false })
    for (const node of nodes) if (node.mode !== 'LEAF' && random.int(2) === 0) node.feature = features - 1
    await expectWalks(random, nodes, 'f32', 5, features)
    await expectWalks(random, nodes, 'f64', 1, features)
  })

  it('know trees of more branches and leaves than 15 bits tell apart', async () => {
    const random = new Random(3)
    const nodes = forest(random, { trees: 1, features: 4, depth: 16, ragged: false, modes: ['BRANCH_LEQ'] })
    nodes.forEach((node, i) => (node.weight = i / 8))
    await expectWalks(random, nodes, 'f32', 6, 4)
  })

  it('take nodes in any order, and trees that are deep', async () => {
    const random = new Random(4)
    const depth = 400
    const chain = Array.from({ length: 2 * depth + 1 }, (_, i) => ({
      ...{ tree: 7, id: i, mode: i % 2 || i === 2 * depth ? 'LEAF' : 'BRANCH_GT', feature: 0, threshold: i / 2 },
      ...{ missing: 0, yes: i + 2, no: i + 1, weight: i },
    }))
    const shuffled = [chain[0]!, ...chain.slice(1).reverse()]
    const x = tensorOf('f32', [3, 1], [-1, 123.5, 1000])
    const node = nodeOf(shuffled, x)
    expect(await compiledSums(node)).toEqual([1, 249, 800])
    const mixed = forest(random, { trees: 4, features: 2, depth: 4 })
    const roots = mixed.filter(({ id }) => id === 0)
    const moved = [...roots, ...mixed.filter(({ id }) => id !== 0).reverse()]
    await expectWalks(random, moved, 'f32', 4, 2)
  })

  it('take ten bytes for each branch, and nothing for leaves that are alike', async () => {
    const random = new Random(5)
    const sizes = async (weights?: readonly number[]): Promise<number> => {
      const shape = { trees: 60, features: 20, depth: 9, modes: ['BRANCH_LEQ'], ragged: false }
      const nodes = forest(random, weights ? { ...shape, weights } : shape)
      if (!weights) nodes.forEach((node, i) => (node.weight = i / 8))
      const bytes = modelOf(nodeOf(nodes, tensorOf('f32', [1, 20], new Array<number>(20).fill(0))))
      const { modules } = await compile(bytes, { targets: ['simd'] })
      return modules.simd!.length / nodes.length
    }
    // Of nodes one half are branches, and one half leaves of four bytes.
    expect(await sizes()).toBeLessThan(7.2)
    expect(await sizes([0, 1])).toBeLessThan(5.2)
  })
})

describe('thresholds', () => {
  it.each([
    ['f32', 1, 1 - 2 ** -24],
    ['f32', 0, -(2 ** -149)],
    ['f32', -1, -1 - 2 ** -23],
    ['f32', Infinity, (2 - 2 ** -23) * 2 ** 127],
    ['f32', -Infinity, NaN],
    ['f64', 1, 1 - 2 ** -53],
    ['f64', -0, -(2 ** -1074)],
    ['f64', NaN, NaN],
  ] as const)('of %s below %d', (dtype, x, expected) => {
    expect(below(x, dtype)).toBe(expected)
  })
})
