import { describe, expect, test } from 'vitest'
import { integersAsFloats, roundedWithin } from '../../compiler/compress/qat/integers-as-floats.ts'
import { dequantizeValue, quantizeValue } from '../../compiler/compress/rewrite.ts'
import { Builder } from '../../compiler/core/builder.ts'
import { evaluate, evaluateValues } from '../../compiler/core/evaluate.ts'
import type { Value } from '../../compiler/core/graph.ts'
import { tensorOf, toNumbers } from '../../compiler/core/tensor.ts'
import { integerForm } from '../../compiler/passes/index.ts'
import { gradients } from '../../compiler/transform/gradients.ts'
import { graphOf, inputOf } from '../support/run-graph.ts'

const b = new Builder({ node: 'q', operator: 'QuantizeLinear', opset: 18 })

/** Values of `y`, and the derivative of their sum by `x`, at `at`. */
function at(x: Value, y: Value, values: readonly number[]): { y: number[]; dx: number[] } {
  const [dx] = gradients(b.reduce('add', y, [0]), [x])
  const found = evaluateValues([y, dx!], new Map([[x, tensorOf('f32', [values.length], values)]]))
  return { y: toNumbers(found[0]!), dx: toNumbers(found[1]!) }
}

describe('rounding straight through', () => {
  test('has the derivative 1 where a number is rounded to an integer of the range, and 0 outside', () => {
    const values = [-9, -8.51, -8.49, -8, -0.3, 0.5, 1.5, 7.49, 7.51, 100]
    const x = inputOf('x', 'f32', [values.length])
    const { y, dx } = at(
      x,
      b.map([x], (e) => roundedWithin(e, -8, 7)),
      values,
    )
    expect(y).toEqual([-8, -8, -8, -8, 0, 0, 2, 7, 7, 7])
    expect(dx).toEqual([0, 0, 1, 1, 1, 1, 1, 1, 0, 0])
  })

  test('goes through activations that are stored as bytes, which keep their bits', () => {
    // From −5 to 122.5 in steps of a half.
    const parameters = { scale: 0.5, zero: 10 }
    const values = [-6, -5.26, -5.24, -5, 0.2, 0.3, 3, 122.7, 122.8, 1000]
    const x = inputOf('x', 'f32', [values.length])
    const source = graphOf([x], [dequantizeValue(b, quantizeValue(b, x, parameters), parameters)])
    const [y] = integersAsFloats(integerForm(source), new Map(), new Map())
    const found = at(x, y!, values)
    expect(found.y).toEqual([-5, -5, -5, -5, 0, 0.5, 3, 122.5, 122.5, 122.5])
    expect(found.y).toEqual(toNumbers(evaluate(source, { x: tensorOf('f32', [values.length], values) })['y0']!))
    expect(found.dx).toEqual([0, 0, 1, 1, 1, 1, 1, 1, 0, 0])
  })

  test('leaves roundings of the model itself without a derivative', () => {
    const x = inputOf('x', 'f32', [2])
    const [y] = integersAsFloats(graphOf([x], [b.unary('round', x)]), new Map(), new Map())
    expect(at(x, y!, [0.4, 2.6])).toEqual({ y: [0, 3], dx: [0, 0] })
  })
})
