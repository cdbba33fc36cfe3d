import { describe, expect, it } from 'vitest'
import { tensorOf, toNumbers } from '../../../compiler/core/tensor.ts'
import type { AttributeValue } from '../build.ts'
import { runNode } from '../one-node.ts'

const domain = 'ai.onnx.preview.training'
const f32 = (...values: number[]) => tensorOf('f32', [values.length], values)
const step = (t: bigint) => tensorOf('i64', [], [t])
const rate = tensorOf('f32', [], [0.5])

const run = (
  operator: string,
  t: bigint,
  tensors: number[][],
  attributes: Record<string, AttributeValue>,
  outputs: number,
) =>
  runNode({ operator, domain, inputs: [rate, step(t), ...tensors.map((v) => f32(...v))], attributes, outputs }).map(
    toNumbers,
  )

const close = (found: readonly (readonly number[])[], expected: readonly (readonly number[])[]): void => {
  expect(found.length).toBe(expected.length)
  found.forEach((values, i) => values.forEach((v, k) => expect(v).toBeCloseTo(expected[i]![k]!, 5)))
}

describe('steps of optimizers', () => {
  it('Adagrad divides by the root of all squares, at a rate that decays, for each parameter', () => {
    const attributes = { decay_factor: { float: 0.5 }, epsilon: { float: 1 }, norm_coefficient: { float: 0.25 } }
    // X1, X2, G1, G2, H1, H2. Gradients are 3 and [0, 2]; the rate is 0.5 / (1 + 2 / 2).
    const found = run('Adagrad', 2n, [[4], [0, -4], [2], [0, 3], [7], [0, 5]], attributes, 4)
    close(found, [[4 - (0.25 * 3) / 5], [0, -4 - (0.25 * 2) / 4], [16], [0, 9]])
  })

  it('Adam corrects both means but in step 0', () => {
    const attributes = {
      alpha: { float: 0.5 },
      beta: { float: 0.75 },
      epsilon: { float: 1 },
      norm_coefficient_post: { float: 0.5 },
    }
    const tensors = [[1], [2], [4], [8]]
    const [v, h] = [0.5 * 4 + 0.5 * 2, 0.75 * 8 + 0.25 * 4]
    const next = (r: number): number => 0.5 * (1 - (r * v) / (Math.sqrt(h) + 1))
    close(run('Adam', 0n, tensors, attributes, 3), [[next(0.5)], [v], [h]])
    const corrected = (0.5 * Math.sqrt(1 - 0.75 ** 2)) / (1 - 0.5 ** 2)
    close(run('Adam', 2n, tensors, attributes, 3), [[next(corrected)], [v], [h]])
  })

  it('Momentum weighs gradients by beta from step 1 on, Nesterov’s looks ahead', () => {
    const attributes = {
      alpha: { float: 0.5 },
      beta: { float: 0.25 },
      norm_coefficient: { float: 0 },
      mode: 'standard',
    }
    const tensors = [[1], [2], [4]]
    close(run('Momentum', 0n, tensors, attributes, 2), [[1 - 0.5 * 4], [4]])
    close(run('Momentum', 1n, tensors, attributes, 2), [[1 - 0.5 * 2.5], [2.5]])
    close(run('Momentum', 1n, tensors, { ...attributes, mode: 'nesterov' }, 2), [[1 - 0.5 * (2 + 0.5 * 2.5)], [2.5]])
    expect(() => run('Momentum', 1n, tensors, { ...attributes, mode: 'other' }, 2)).toThrow('A205')
    expect(() => run('Momentum', 1n, [[1], [2]], attributes, 2)).toThrow('A205')
  })
})
