import { describe, expect, it } from 'vitest'
import { tensorOf, toNumbers, type Tensor } from '../../../../compiler/core/tensor.ts'
import type { AttributeValue } from '../../build.ts'
import { nodesOf } from '../../../../compiler/core/graph.ts'
import { importModel } from '../../../../compiler/onnx/import.ts'
import { Random } from '../../../support/random.ts'
import { expectClose, expectCompiledEqualsEvaluated, randomTensor } from '../../../support/run-graph.ts'
import { modelOf, runNode } from '../../one-node.ts'

const f32 = (values: number[], shape: number[]): Tensor => tensorOf('f32', shape, values)
const affine = (count: number): Record<string, AttributeValue> => ({
  activations: { strings: new Array<string>(count).fill('Affine') },
  activation_alpha: { floats: new Array<number>(count).fill(1) },
  activation_beta: { floats: new Array<number>(count).fill(0) },
})

/** Outputs of a layer with one feature, one hidden unit and identities as activations unless `attributes` say otherwise. */
function run(
  operator: string,
  gates: number[],
  x: Tensor,
  attributes: Record<string, AttributeValue>,
  rest: (Tensor | undefined)[] = [],
): number[][] {
  const directions = attributes['direction'] === 'bidirectional' ? 2 : 1
  const weights = f32(Array.from({ length: directions }, () => gates).flat(), [directions, gates.length, 1])
  const outputs = operator === 'LSTM' ? 3 : 2
  const inputs = [x, weights, weights, ...rest]
  return runNode({ operator, opset: 14, inputs, attributes: { hidden_size: 1, ...attributes }, outputs }).map(toNumbers)
}

describe('RNN', () => {
  // h' = x + h: running sums.
  const x = f32([1, 2, 3], [3, 1, 1])

  it('runs forward, backward and both ways', () => {
    expect(run('RNN', [1], x, affine(1))).toEqual([[1, 3, 6], [6]])
    expect(run('RNN', [1], x, { ...affine(1), direction: 'reverse' })).toEqual([[6, 5, 3], [6]])
    const both = run('RNN', [1], x, { ...affine(2), direction: 'bidirectional' })
    expect(both).toEqual([
      [1, 6, 3, 5, 6, 3],
      [6, 6],
    ])
  })

  it('starts at the end of shorter sequences and leaves zeros behind them', () => {
    const two = f32([1, 10, 2, 20, 3, 30], [3, 2, 1])
    const lengths = tensorOf('i32', [2], [3, 2])
    const rest = [undefined, lengths]
    expect(run('RNN', [1], two, affine(1), rest)).toEqual([
      [1, 10, 3, 30, 6, 0],
      [6, 30],
    ])
    expect(run('RNN', [1], two, { ...affine(1), direction: 'reverse' }, rest)).toEqual([
      [6, 30, 5, 20, 3, 0],
      [6, 30],
    ])
  })

  it('has both biases, an initial state and the batch first', () => {
    const bias = f32([0.25, 0.25], [1, 2])
    const initial = f32([10], [1, 1, 1])
    expect(run('RNN', [1], x, affine(1), [bias, undefined, initial])).toEqual([[11.5, 14, 17.5], [17.5]])
    const batchFirst = f32([1, 2, 10, 20], [2, 2, 1])
    expect(run('RNN', [1], batchFirst, { ...affine(1), layout: 1 })).toEqual([
      [1, 3, 10, 30],
      [3, 30],
    ])
  })

  it('clips what goes into the activation', () => {
    expect(run('RNN', [1], x, { ...affine(1), clip: { float: 2 } })).toEqual([[1, 2, 2], [2]])
  })

  it('runs long sequences in a loop, each as far as it goes', () => {
    const ones = f32(new Array<number>(2000).fill(1), [1000, 2, 1])
    const lengths = tensorOf('i32', [2], [1000, 3])
    for (const direction of ['forward', 'reverse']) {
      const [y, last] = run('RNN', [1], ones, { ...affine(1), direction }, [undefined, lengths])
      expect(last).toEqual([1000, 3])
      const [first, second] = [0, 1].map((n) => y!.filter((_, i) => i % 2 === n)) as [number[], number[]]
      const steps = first.map((_, t) => (direction === 'forward' ? t + 1 : 1000 - t))
      expect(first).toEqual(steps)
      expect(second.slice(0, 4)).toEqual(direction === 'forward' ? [1, 2, 3, 0] : [3, 2, 1, 0])
    }
  })

  it('gives in a loop what its steps give', async () => {
    const random = new Random(1)
    const make = (...shape: number[]): Tensor => randomTensor(random, 'f32', shape)
    const x = make(7, 3, 5)
    const node = {
      operator: 'LSTM',
      opset: 14,
      inputs: [x, make(2, 24, 5), make(2, 24, 6), make(2, 48)],
      constant: [1, 2, 3],
      attributes: { hidden_size: 6, direction: 'bidirectional' },
      outputs: 3,
    }
    const { graph } = importModel(modelOf(node))
    expect(nodesOf(graph).filter(({ op }) => op === 'while')).toHaveLength(2)
    await expectCompiledEqualsEvaluated(graph, random)
    // The same in pieces of a step, forwards; the first direction depends on nothing else.
    const [y] = runNode(node)
    const piece = (t: number, rest: Tensor[]): Tensor[] =>
      runNode({
        ...node,
        inputs: [
          tensorOf('f32', [1, 3, 5], toNumbers(x).slice(t * 15, t * 15 + 15)),
          ...node.inputs
            .slice(1)
            .map((w) => tensorOf('f32', [1, ...w.shape.slice(1)], toNumbers(w).slice(0, w.data.length / 2))),
          undefined,
          ...rest,
        ],
        attributes: { hidden_size: 6 },
      })
    let states = [tensorOf('f32', [1, 3, 6], new Array<number>(18).fill(0))]
    states = [...states, ...states]
    for (let t = 0; t < 7; t++) {
      const [, h, c] = piece(t, states)
      states = [h!, c!]
      expectClose(h!, tensorOf('f32', [1, 3, 6], toNumbers(y!).slice(t * 36, t * 36 + 18)), 1e-6)
    }
  })

  it('is refused with an activation it does not know', () => {
    expect(() => run('RNN', [1], x, { activations: { strings: ['Sine'] } })).toThrow(/A203/)
  })
})

describe('GRU', () => {
  // z = 0, r = x + h, candidate = x + r h or x + r (h + bias): h' = candidate.
  const x = f32([1, 2], [2, 1, 1])
  const gates = [0, 1, 1]
  const bias = f32([0, 0, 0, 0, 0, 1], [1, 6])

  it('resets the state before the product, or the product and its bias', () => {
    // 1 + 1 + 0; then r = 4 and 2 + 1 + 4 · 2.
    expect(run('GRU', gates, x, affine(2), [bias])).toEqual([[2, 11], [11]])
    // r = 1 and 1 + 1 · (0 + 1); then r = 4 and 2 + 4 · (2 + 1).
    expect(run('GRU', gates, x, { ...affine(2), linear_before_reset: 1 }, [bias])).toEqual([[2, 14], [14]])
  })
})

describe('LSTM', () => {
  // All gates are x + h.
  const x = f32([1, 2], [2, 1, 1])
  const gates = [1, 1, 1, 1]

  it('keeps a cell state', () => {
    // C = 1 · 0 + 1 · 1 = 1, h = 1; then gates are 3: C = 3 · 1 + 3 · 3 = 12, h = 36.
    expect(run('LSTM', gates, x, affine(3))).toEqual([[1, 36], [36], [12]])
  })

  it('couples the forget gate to the input gate', () => {
    // C = (1 - 3) · 1 + 9 = 7.
    expect(run('LSTM', gates, x, { ...affine(3), input_forget: 1 })).toEqual([[1, 21], [21], [7]])
  })

  it('looks at the old cell state for i and f and at the new one for o', () => {
    const peepholes = f32([1, 2, 3], [1, 3])
    const rest = [undefined, undefined, undefined, f32([1], [1, 1, 1]), peepholes]
    const one = f32([1], [1, 1, 1])
    // i = 1 + 1, f = 1 + 3, C = 4 · 1 + 2 · 1 = 6, o = 1 + 2 · 6, h = 13 · 6.
    expect(run('LSTM', gates, one, affine(3), rest)).toEqual([[78], [78], [6]])
  })
})
