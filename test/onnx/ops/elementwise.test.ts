import { describe, expect, it } from 'vitest'
import { CompileError } from '../../../compiler/core/diagnostics/diagnostic.ts'
import type { DType } from '../../../compiler/core/scalar/dtype.ts'
import { nodesOf } from '../../../compiler/core/graph.ts'
import { tensorOf, toNumbers, type Tensor } from '../../../compiler/core/tensor.ts'
import { importModel } from '../../../compiler/onnx/import.ts'
import { dataTypes } from '../build.ts'
import { compile } from '../../../compiler/pipeline.ts'
import { runModule } from '../../support/run-graph.ts'
import { feeds, modelOf, runNode, type OneNode } from '../one-node.ts'

const f32 = (values: number[], shape = [values.length]): Tensor => tensorOf('f32', shape, values)
const i32 = (values: number[], shape = [values.length]): Tensor => tensorOf('i32', shape, values)
const result = (node: OneNode): number[] => toNumbers(runNode(node)[0]!)
const opsOf = (node: OneNode): string[] => nodesOf(importModel(modelOf(node)).graph).map((n) => n.op)

describe('integer division', () => {
  const inputs = [i32([7, -7, 7, -7, 6]), i32([2, 2, -2, -2, 0])]

  it('truncates, and is 0 by 0', () => {
    expect(result({ operator: 'Div', inputs })).toEqual([3, -3, -3, 3, 0])
  })

  it('leaves a remainder of the divisor’s sign, or of the dividend’s with fmod', () => {
    expect(result({ operator: 'Mod', inputs })).toEqual([1, 1, -1, -1, 0])
    expect(result({ operator: 'Mod', inputs, attributes: { fmod: 1 } })).toEqual([1, -1, 1, -1, 0])
    const unsigned = [tensorOf('u8', [2], [250, 7]), tensorOf('u8', [2], [100, 9])]
    expect(result({ operator: 'Mod', inputs: unsigned })).toEqual([50, 7])
  })
})

describe('operators of any number of inputs', () => {
  const numbers = Array.from({ length: 1500 }, (_, i) => (i * 7919) % 1009)
  const total = numbers.reduce((a, v) => a + v)

  it.each([
    ['Sum', total],
    ['Mean', Math.fround(total / 1500)],
    ['Max', 1008],
    ['Min', 0],
  ])('%s of more than a function has parameters', async (operator, expected) => {
    const inputs = numbers.map((v) => f32([v]))
    const node = { operator, inputs }
    expect(result(node)).toEqual([expected])
    const { modules, spec } = await compile(modelOf(node), { targets: ['simd'] })
    expect(toNumbers(runModule(modules.simd!, spec, feeds(node)).o0!)).toEqual([expected])
  })
})

describe('broadcasting before opset 7', () => {
  const a = f32([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [2, 3, 2])

  it('lines the second input up with the last axes, or from `axis` on', () => {
    const suffix = { operator: 'Add', opset: 6, inputs: [a, f32([1, 2])], attributes: { broadcast: 1 } }
    expect(result(suffix)).toEqual([1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2])
    const middle = { operator: 'Add', opset: 6, inputs: [a, f32([1, 2, 3])], attributes: { broadcast: 1, axis: 1 } }
    expect(result(middle)).toEqual([1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3])
    const first = { operator: 'Add', opset: 6, inputs: [a, f32([1, 2])], attributes: { broadcast: 1, axis: 0 } }
    expect(result(first)).toEqual([1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2])
    const one = { operator: 'Add', opset: 6, inputs: [a, f32([5], [1, 1])], attributes: { broadcast: 1 } }
    expect(result(one)).toEqual(new Array(12).fill(5))
  })

  it('has to be asked for, and must fit', () => {
    expect(() => result({ operator: 'Mul', opset: 6, inputs: [a, f32([1, 2])] })).toThrow(CompileError)
    const misplaced = { operator: 'Mul', opset: 6, inputs: [a, f32([1, 2])], attributes: { broadcast: 1, axis: 1 } }
    expect(() => result(misplaced)).toThrow(CompileError)
  })

  it('gives PRelu a slope for each channel', () => {
    const x = f32([-1, -1, -1, 2], [1, 2, 2])
    expect(result({ operator: 'PRelu', opset: 6, inputs: [x, f32([0.5, 3])] })).toEqual([-0.5, -0.5, -3, 2])
  })
})

describe('Pow', () => {
  it('keeps the dtype of the base', () => {
    const [power] = runNode({ operator: 'Pow', inputs: [i32([2, -3]), f32([3, 2])] })
    expect(power).toMatchObject({ dtype: 'i32', shape: [2] })
    expect(toNumbers(power!)).toEqual([8, 9])
    const [root] = runNode({ operator: 'Pow', inputs: [f32([4, 9]), tensorOf('i64', [], [2])] })
    expect(root!.dtype).toBe('f32')
    expect(toNumbers(root!)).toEqual([16, 81])
  })

  it('needs no power function for small constant exponents', () => {
    const at = (exponent: number): OneNode => {
      return { operator: 'Pow', inputs: [f32([-2, 0.5]), f32([exponent], [])], constant: [1] }
    }
    expect(result(at(3))).toEqual([-8, 0.125])
    expect(result(at(7))).toEqual([-128, 0.0078125])
    expect(result(at(0))).toEqual([1, 1])
    expect(result(at(-2))).toEqual([0.25, 4])
    const graph = importModel(modelOf(at(3))).graph
    const [map] = nodesOf(graph).filter((n) => n.op === 'map')
    expect(JSON.stringify(map!.attrs)).not.toContain('pow')
  })

  it('of 1/2 is no square root for -0 and -Infinity', () => {
    const node = { operator: 'Pow', inputs: [f32([9, -0, -Infinity, -1]), f32([0.5], [])], constant: [1] }
    expect(result(node)).toEqual([3, 0, Infinity, NaN])
    expect(Object.is(result(node)[1], 0)).toBe(true)
  })

  it('broadcasts a constant exponent of a larger shape', () => {
    const [power] = runNode({ operator: 'Pow', inputs: [f32([3]), f32([2, 2, 2], [3, 1])], constant: [1] })
    expect(power!.shape).toEqual([3, 1])
    expect(toNumbers(power!)).toEqual([9, 9, 9])
  })
})

describe('BitCast', () => {
  const cast = (x: Tensor, to: DType): Tensor =>
    runNode({ operator: 'BitCast', opset: 26, inputs: [x], attributes: { to: dataTypes[to] } })[0]!
  const equal: [Tensor, Tensor][] = [
    [tensorOf('f32', [2], [1, -2]), tensorOf('i32', [2], [0x3f800000, -0x40000000])],
    [tensorOf('f64', [1], [1]), tensorOf('u64', [1], [0x3ff0000000000000n])],
    [tensorOf('f16', [2], [1, -1]), tensorOf('i16', [2], [0x3c00, -0x4400])],
    [tensorOf('i8', [2], [-1, 5]), tensorOf('u8', [2], [255, 5])],
    [tensorOf('u8', [2], [0x38, 0x7f]), tensorOf('f8e4m3fn', [2], [1, NaN])],
    [tensorOf('i4', [2], [-1, 7]), tensorOf('u4', [2], [15, 7])],
    [tensorOf('i4', [2], [-1, 7]), tensorOf('f4e2m1', [2], [-6, 6])],
  ]

  it.each(equal.map(([a, b]) => [a.dtype, b.dtype, a, b] as const))('%s and %s', (_, __, a, b) => {
    expect(cast(a, b.dtype)).toEqual(b)
    expect(cast(b, a.dtype)).toEqual(a)
  })

  it('keeps the size of an element', () => {
    expect(() => cast(tensorOf('f32', [1], [1]), 'i64')).toThrow('A205')
    expect(() => cast(tensorOf('u8', [1], [1]), 'bool')).toThrow('A203')
  })
})

describe('special values', () => {
  it('keep their sign and NaN', () => {
    const signs = result({ operator: 'Sign', inputs: [f32([-2, 0, -0, NaN, 3])] })
    expect(signs).toEqual([-1, 0, -0, NaN, 1])
    expect(result({ operator: 'Max', inputs: [f32([NaN, 1]), f32([0, NaN])] })).toEqual([NaN, NaN])
    expect(result({ operator: 'Round', inputs: [f32([0.5, 1.5, -2.5])] })).toEqual([0, 2, -2])
  })

  it('are told by IsInf with their sign', () => {
    const inputs = [f32([Infinity, -Infinity, NaN, 1])]
    expect(result({ operator: 'IsInf', inputs })).toEqual([1, 1, 0, 0])
    expect(result({ operator: 'IsInf', inputs, attributes: { detect_negative: 0 } })).toEqual([1, 0, 0, 0])
    expect(result({ operator: 'IsInf', inputs, attributes: { detect_positive: 0 } })).toEqual([0, 1, 0, 0])
  })

  it('do not overflow inside activations', () => {
    const inputs = [f32([1000, -1000])]
    expect(result({ operator: 'Elu', inputs })).toEqual([1000, -1])
    expect(result({ operator: 'Mish', opset: 18, inputs })).toEqual([1000, -0])
    expect(result({ operator: 'Softplus', inputs })).toEqual([1000, 0])
    expect(result({ operator: 'Sigmoid', inputs })).toEqual([1, 0])
    expect(result({ operator: 'Gelu', opset: 20, inputs })).toEqual([1000, -0])
  })
})

describe('Clip', () => {
  it('gives the upper bound where bounds cross', () => {
    expect(result({ operator: 'Clip', inputs: [f32([0, 5, 9]), f32([6], []), f32([4], [])] })).toEqual([4, 4, 4])
  })

  it('takes attributes before opset 11, and either bound alone', () => {
    const x = f32([-3, 0, 3])
    const attributes = { min: { float: -1 }, max: { float: 2 } }
    expect(result({ operator: 'Clip', opset: 6, inputs: [x], attributes })).toEqual([-1, 0, 2])
    expect(result({ operator: 'Clip', inputs: [x, undefined, f32([1], [])] })).toEqual([-3, 0, 1])
    expect(result({ operator: 'Clip', inputs: [x, f32([1], [])] })).toEqual([1, 1, 3])
  })
})

it('shrinks integers by the float threshold', () => {
  const attributes = { lambd: { float: 1.5 }, bias: { float: 1 } }
  expect(result({ operator: 'Shrink', inputs: [i32([-2, -1, 0, 1, 2])], attributes })).toEqual([-1, 0, 0, 0, 1])
})

it('makes one map of an activation', () => {
  for (const operator of ['Gelu', 'HardSwish', 'Mish', 'Selu', 'Celu', 'Softplus', 'ThresholdedRelu']) {
    expect(opsOf({ operator, opset: 20, inputs: [f32([1])] })).toEqual(['input', 'map'])
  }
})
