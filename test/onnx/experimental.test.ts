import { describe, expect, it } from 'vitest'
import { tensorOf, toNumbers } from '../../compiler/core/tensor.ts'
import type { AttributeValue } from './build.ts'
import { runNode } from './one-node.ts'

const x = tensorOf(
  'f32',
  [1, 2, 3, 4],
  Float32Array.from({ length: 24 }, (_, i) => i),
)
const run = (operator: string, attributes: Readonly<Record<string, AttributeValue>>) =>
  runNode({ operator, opset: 7, inputs: [x], attributes })[0]!
const all = (formula: (i: number) => number): number[] => Array.from({ length: 24 }, (_, i) => formula(i))

describe('operators that ONNX had on trial', () => {
  it('ImageScaler scales and adds the bias of each channel', () => {
    const y = run('ImageScaler', { scale: { float: 0.5 }, bias: { floats: [-1, 100] } })
    expect(toNumbers(y)).toEqual(all((i) => 0.5 * i + (i < 12 ? -1 : 100)))
    expect(() => run('ImageScaler', { bias: { floats: [1, 2, 3] } })).toThrow('A205')
  })

  it('Crop takes away left, top, right and bottom', () => {
    const y = run('Crop', { border: [1, 2, 1, 0] })
    expect(y.shape).toEqual([1, 2, 1, 2])
    expect(toNumbers(y)).toEqual([9, 10, 21, 22])
  })

  it('Crop takes a height and a width', () => {
    const y = run('Crop', { border: [1, 0, 0, 0], scale: [2, 3] })
    expect(y.shape).toEqual([1, 2, 2, 3])
    expect(toNumbers(y)).toEqual([1, 2, 3, 5, 6, 7, 13, 14, 15, 17, 18, 19])
    expect(() => run('Crop', { border: [1, 0, 0, 0], scale: [2, 4] })).toThrow('A205')
    expect(() => run('Crop', { border: [2, 0, 2, 0] })).toThrow('A205')
  })

  it('Affine, Scale, ScaledTanh and ParametricSoftplus work element by element', () => {
    expect(toNumbers(run('Affine', { alpha: { float: 2 }, beta: { float: -1 } }))).toEqual(all((i) => 2 * i - 1))
    expect(toNumbers(run('Scale', { scale: { float: 0.25 } }))).toEqual(all((i) => i / 4))
    const parameters = { alpha: { float: 2 }, beta: { float: 0.5 } }
    toNumbers(run('ScaledTanh', parameters)).forEach((v, i) => expect(v).toBeCloseTo(2 * Math.tanh(i / 2), 5))
    const softplus = (i: number): number => 2 * Math.log(1 + Math.exp(i / 2))
    toNumbers(run('ParametricSoftplus', parameters)).forEach((v, i) => expect(v).toBeCloseTo(softplus(i), 4))
  })
})
