import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { evaluateValues } from '../../compiler/core/evaluate.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import { allNodesOf, type Value } from '../../compiler/core/graph.ts'
import { regionArgument } from '../../compiler/core/region.ts'
import { scalarTensor, tensorOf, toNumbers } from '../../compiler/core/tensor.ts'
import { mergeIdentical } from '../../compiler/passes/merge-identical.ts'
import { mergeLoops } from '../../compiler/passes/merge-loops.ts'
import { gradients } from '../../compiler/transform/gradients.ts'
import { expectGradients } from '../support/differences.ts'
import { Random } from '../support/random.ts'
import { graphOf, inputOf } from '../support/run-graph.ts'
import { lstm } from './lstm.ts'

const b = new Builder(undefined)
const matrix = { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] }

describe('if', () => {
  it.each([0, 1])('takes the branch that was taken: %i', (taken) => {
    const x = inputOf('x', 'f32', [2, 3])
    const w = inputOf('w', 'f32', [3, 3])
    const condition = b.convert(b.scalar(taken, 'i32'), 'bool')
    const product = b.dotGeneral(x, w, matrix)
    const outside = new Set([x, w])
    const results = b.if(condition, [b.unary('tanh', product), x], [b.binary('mul', x, x), x], (v) => outside.has(v))
    expectGradients(graphOf([x, w], [...results]), new Random(1))
  })
})

describe('while', () => {
  it('carried values, captured ones and slices, forwards and in reverse', () => {
    const x = inputOf('x', 'f32', [2, 5, 3])
    const start = inputOf('start', 'f32', [2, 3])
    const w = inputOf('w', 'f32', [3, 3])
    const bias = inputOf('bias', 'f32', [3])
    for (const reverse of [false, true]) {
      const [state, slice] = [regionArgument('f32', [2, 3]), regionArgument('f32', [2, 3])]
      const product = b.dotGeneral(b.binary('add', state, slice), w, matrix)
      const next = b.map([product, bias], (p, q) => f.tanh(f.add(p!, q!)))
      const { carried, stacked } = b.while({
        trips: 5,
        iteration: regionArgument('i32', []),
        carried: [{ initial: start, argument: state, next }],
        scanInputs: [{ axis: 1, reverse, value: x, argument: slice }],
        scanOutputs: [{ axis: 0, reverse, slice: b.binary('mul', next, slice) }],
      })
      expectGradients(graphOf([x, start, w, bias], [...carried, ...stacked]), new Random(1))
    }
  })

  it('a value that reaches the result only through others that are carried', () => {
    const x = inputOf('x', 'f32', [2])
    const [p, q, r, i] = [0, 1, 2].map(() => regionArgument('f32', [2])).concat(regionArgument('i32', [])) as Value[]
    const weight = b.convert(i!, 'f32')
    const { carried } = b.while({
      trips: 4,
      iteration: i!,
      carried: [
        { initial: x, argument: p!, next: b.map([p!, weight], (e, n) => f.mul(e!, f.mul(f.add(n!, 1), 0.5))) },
        { initial: b.full(1, 'f32', [2]), argument: q!, next: b.binary('mul', q!, p!) },
        { initial: b.full(2, 'f32', [2]), argument: r!, next: b.binary('add', r!, q!) },
      ],
      scanInputs: [],
      scanOutputs: [],
    })
    expectGradients(graphOf([x], [carried[2]!]), new Random(1))
  })

  it('a loop of no iterations, and one within another', () => {
    const x = inputOf('x', 'f32', [2])
    const loop = (value: Value, trips: number, body: (v: Value) => Value): Value => {
      const state = regionArgument('f32', [2])
      const step = { initial: value, argument: state, next: body(state) }
      return b.while({ trips, iteration: regionArgument('i32', []), carried: [step], scanInputs: [], scanOutputs: [] })
        .carried[0]!
    }
    const nested = loop(x, 2, (v) => loop(v, 3, (u) => b.map([u, x], (e, c) => f.mul(f.tanh(e!), c!))))
    expectGradients(graphOf([x], [loop(x, 0, (v) => b.unary('exp', v)), nested]), new Random(1))
  })

  it('refuses one that ends when its data says so, with its node', () => {
    const x = inputOf('x', 'f32', [])
    const located = new Builder({ node: 'loop', operator: 'Loop', opset: 21 })
    const state = regionArgument('f32', [])
    const { carried } = located.while({
      trips: 9,
      iteration: regionArgument('i32', []),
      condition: { initial: b.scalar(1, 'bool'), next: b.map([state], (e) => f.lt(e!, 10)) },
      carried: [{ initial: x, argument: state, next: b.binary('mul', state, state) }],
      scanInputs: [],
      scanOutputs: [],
    })
    expect(() => gradients(carried[0]!, [x])).toThrow(/A802 .*\n? *Loop "loop"/)
  })

  it('keeps products of each iteration, and computes maps of them again', () => {
    const { loss, parameters } = lstm({ steps: 6, batch: 2, inputs: 3, hidden: 4 })
    const found = gradients(loss, parameters)
    const merged = mergeLoops(mergeIdentical(graphOf([], [loss, ...found])))
    const loops = allNodesOf(merged).filter((node) => node.op === 'while')
    // The loop with what it leaves, and the one back.
    expect(loops).toHaveLength(2)
    const products = loops.map((l) => allNodesOf(l.attrs.body).filter(({ op }) => op === 'dot_general').length)
    expect(products).toEqual([1, 2])
  })

  it('an LSTM', () => {
    const { loss, inputs } = lstm({ steps: 4, batch: 2, inputs: 3, hidden: 4 })
    expectGradients(graphOf(inputs, [loss]), new Random(1))
  })
})

it('sums what several uses of a value give', () => {
  const x = inputOf('x', 'f32', [])
  const y = b.binary('mul', x, x)
  const [dx, dy, dz] = gradients(b.binary('add', b.binary('mul', y, y), x), [x, y, inputOf('z', 'f32', [2])])
  const known = new Map([[x, scalarTensor('f32', 3)]])
  expect(evaluateValues([dx!, dy!, dz!], known).map(toNumbers)).toEqual([[4 * 27 + 1], [18], [0, 0]])
})

it('differentiates by constants too, as a model has its parameters', () => {
  const x = inputOf('x', 'f32', [3])
  const slope = b.scalar(0.5, 'f32')
  const y = b.map([x, slope], (e, s) => f.select(f.lt(e!, 0), f.mul(e!, s!), e!))
  const [ds] = gradients(b.reduce('add', y, [0]), [slope])
  expect(evaluateValues([ds!], new Map([[x, tensorOf('f32', [3], [-1, 2, -3])]])).map(toNumbers)).toEqual([[-4]])
})

it('refuses what has no derivative, with its place', () => {
  const x = inputOf('x', 'f32', [2])
  const i = inputOf('i', 'i32', [])
  expect(() => gradients(x, [x])).toThrow(/A801[^]*scalar/)
  expect(() => gradients(i, [x])).toThrow(/A801/)
  expect(() => gradients(b.reduce('add', x, [0]), [i])).toThrow(/A801/)
})

it('gives nodes the origin of what they are the derivative of', () => {
  const x = inputOf('x', 'f32', [3])
  const located = new Builder({ node: 'cube', operator: 'Pow', opset: 13 })
  const y = located.map([x], (e) => f.pow(e!, 3))
  const [dx] = gradients(b.reduce('add', y, [0]), [x])
  expect(dx!.node.origin?.node).toBe('cube')
  expect(evaluateValues([dx!], new Map([[x, tensorOf('f32', [3], [1, 2, 3])]])).map(toNumbers)).toEqual([[3, 12, 27]])
})
