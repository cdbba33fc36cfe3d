import { describe, expect, it } from 'vitest'
import { CompileError } from '../../../../compiler/core/diagnostics/diagnostic.ts'
import { nodesOf } from '../../../../compiler/core/graph.ts'
import { tensorOf, toNumbers, type Tensor } from '../../../../compiler/core/tensor.ts'
import { importModel } from '../../../../compiler/onnx/import.ts'
import type { AttributeValue } from '../../build.ts'
import { modelOf, runNode, type OneNode } from '../../one-node.ts'

const f32 = (values: number[], shape: number[]): Tensor => tensorOf('f32', shape, values)
/** One image of one channel and one spatial axis. */
const line = (...values: number[]): Tensor => f32(values, [1, 1, values.length])
const result = (node: OneNode): number[] => toNumbers(runNode(node)[0]!)
const on = (operator: string, inputs: Tensor[], attributes: Record<string, AttributeValue>, opset = 19): number[] =>
  result({ operator, opset, inputs, attributes })

describe('auto_pad', () => {
  const x = line(1, 2, 3, 4)

  it('of a convolution puts the odd element at the end, or at the start', () => {
    const w = line(1, 10)
    expect(on('Conv', [x, w], { auto_pad: 'SAME_UPPER' })).toEqual([21, 32, 43, 4])
    expect(on('Conv', [x, w], { auto_pad: 'SAME_LOWER' })).toEqual([10, 21, 32, 43])
    expect(on('Conv', [x, w], { auto_pad: 'VALID' })).toEqual([21, 32, 43])
  })

  it('counts stride and dilation, and never crops', () => {
    const w = line(1, 1, 1)
    expect(on('Conv', [x, w], { auto_pad: 'SAME_UPPER', strides: [2] })).toEqual([6, 7])
    expect(on('Conv', [x, w], { auto_pad: 'SAME_LOWER', strides: [2] })).toEqual([3, 9])
    expect(on('Conv', [x, w], { auto_pad: 'SAME_UPPER', dilations: [2] })).toEqual([4, 6, 4, 6])
    expect(on('Conv', [x, line(1)], { auto_pad: 'SAME_UPPER', strides: [3] })).toEqual([1, 4])
  })

  it('of pooling leaves padding out', () => {
    expect(on('MaxPool', [line(-1, -2, -3)], { kernel_shape: [2], auto_pad: 'SAME_UPPER' })).toEqual([-1, -2, -3])
    expect(on('AveragePool', [x], { kernel_shape: [2], auto_pad: 'SAME_UPPER' })).toEqual([1.5, 2.5, 3.5, 4])
    const counted = { kernel_shape: [2], auto_pad: 'SAME_UPPER', count_include_pad: 1 }
    expect(on('AveragePool', [x], counted)).toEqual([1.5, 2.5, 3.5, 2])
  })
})

describe('ceil_mode', () => {
  const x = line(1, 2, 3, 4, 5)

  it('adds a last window that starts inside', () => {
    const attributes = { kernel_shape: [2], strides: [2] }
    expect(on('MaxPool', [x], attributes)).toEqual([2, 4])
    expect(on('MaxPool', [x], { ...attributes, ceil_mode: 1 })).toEqual([2, 4, 5])
  })

  it('adds none that starts in the padding at the end', () => {
    const attributes = { kernel_shape: [2], strides: [3], pads: [1, 1], ceil_mode: 1 }
    expect(on('MaxPool', [x], attributes)).toEqual([1, 4])
    expect(on('MaxPool', [line(1, 2, 3, 4)], { kernel_shape: [1], strides: [3], ceil_mode: 1 })).toEqual([1, 4])
  })

  it('never counts what it adds, not even with count_include_pad', () => {
    const attributes = { kernel_shape: [3], strides: [2], pads: [1, 0], ceil_mode: 1, count_include_pad: 1 }
    // Windows 0 1 2 | 2 3 4 | 4 5 (5 is the last element).
    expect(on('AveragePool', [x], attributes)).toEqual([1, 3, 4.5])
    expect(on('AveragePool', [x], { ...attributes, count_include_pad: 0 })).toEqual([1.5, 3, 4.5])
  })

  it('holds for VALID', () => {
    expect(on('MaxPool', [x], { kernel_shape: [2], strides: [2], auto_pad: 'VALID', ceil_mode: 1 })).toEqual([2, 4, 5])
  })
})

describe('AveragePool', () => {
  const constantShapes = (attributes: Record<string, AttributeValue>): (readonly number[])[] => {
    const node = { operator: 'AveragePool', opset: 19, inputs: [f32(new Array(24).fill(1), [1, 1, 4, 6])], attributes }
    const constants = nodesOf(importModel(modelOf(node)).graph).filter((n) => n.op === 'constant')
    return constants.map((n) => n.results[0]!.type.shape)
  }

  it('multiplies by one number where all windows are whole', () => {
    expect(constantShapes({ kernel_shape: [2, 2] })).toEqual([[]])
    expect(constantShapes({ kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 })).toEqual([[]])
  })

  it('has as many divisors as there are different ones along each axis', () => {
    expect(constantShapes({ kernel_shape: [3, 3], pads: [0, 1, 0, 1] })).toEqual([[1, 6]])
    expect(constantShapes({ kernel_shape: [3, 3], pads: [1, 1, 1, 1] })).toEqual([[4, 6]])
  })
})

describe('MaxPool indices', () => {
  const indices = (x: Tensor, attributes: Record<string, AttributeValue>): number[] =>
    toNumbers(runNode({ operator: 'MaxPool', opset: 12, inputs: [x], attributes, outputs: 2 })[1]!)

  it('count through the whole input', () => {
    const x = f32([1, 2, 3, 4, 8, 7, 6, 5], [1, 2, 2, 2])
    expect(indices(x, { kernel_shape: [2, 2] })).toEqual([3, 4])
    expect(indices(x, { kernel_shape: [1, 2] })).toEqual([1, 3, 4, 6])
  })

  it('count columns first with storage_order 1', () => {
    const x = f32([1, 2, 9, 4, 5, 6], [1, 1, 2, 3])
    expect(indices(x, { kernel_shape: [2, 2] })).toEqual([4, 2])
    expect(indices(x, { kernel_shape: [2, 2], storage_order: 1 })).toEqual([3, 4])
  })

  it('never point into padding, though unsigned elements may be as small', () => {
    const x = tensorOf('u8', [1, 1, 2], [0, 0])
    expect(indices(x, { kernel_shape: [2], pads: [1, 1] })).toEqual([0, 0, 1])
  })
})

it('unpools into the first part of a larger output', () => {
  const inputs = [f32([7, 9], [1, 1, 2]), tensorOf('i64', [1, 1, 2], [1, 2]), tensorOf('i64', [3], [1, 1, 6])]
  const attributes = { kernel_shape: [2], strides: [2] }
  expect(result({ operator: 'MaxUnpool', inputs, constant: [2], attributes })).toEqual([0, 7, 9, 0, 0, 0])
})

describe('ConvTranspose', () => {
  const x = line(1, 2)
  const w = line(1, 10, 100)

  it('spreads the input by the stride and cuts pads off', () => {
    expect(on('ConvTranspose', [x, w], { strides: [2] })).toEqual([1, 10, 102, 20, 200])
    expect(on('ConvTranspose', [x, w], { strides: [2], pads: [1, 1] })).toEqual([10, 102, 20])
    expect(on('ConvTranspose', [x, w], { strides: [2], pads: [1, 1], output_padding: [1] })).toEqual([10, 102, 20, 200])
    expect(on('ConvTranspose', [x, w], { strides: [2], dilations: [2] })).toEqual([1, 0, 12, 0, 120, 0, 200])
  })

  it('cuts the odd element at the end with SAME_UPPER, else at the start', () => {
    expect(on('ConvTranspose', [x, w], { strides: [2], auto_pad: 'SAME_UPPER' })).toEqual([1, 10, 102, 20])
    expect(on('ConvTranspose', [x, w], { strides: [2], auto_pad: 'SAME_LOWER' })).toEqual([10, 102, 20, 200])
    expect(on('ConvTranspose', [x, w], { strides: [2], output_shape: [4] })).toEqual([10, 102, 20, 200])
    expect(on('ConvTranspose', [x, w], { strides: [2], output_shape: [7] })).toEqual([1, 10, 102, 20, 200, 0, 0])
  })

  it('keeps groups apart', () => {
    const two = f32([1, 2, 3, 4], [1, 2, 2])
    const kernels = f32([1, 10, 100, 1000], [2, 2, 1])
    expect(on('ConvTranspose', [two, kernels], { group: 2 })).toEqual([1, 2, 10, 20, 300, 400, 3000, 4000])
  })
})

it('refuses kernels, strides and pads that make no sense', () => {
  const x = line(1, 2, 3, 4)
  const attributes: Record<string, AttributeValue>[] = [
    { strides: [0] },
    { strides: [1, 1] },
    { dilations: [-1] },
    { pads: [1] },
    { pads: [-1, 0] },
    { kernel_shape: [3] },
    { auto_pad: 'SAME' },
    { group: 2 },
  ]
  for (const bad of attributes) expect(() => on('Conv', [x, line(1, 1)], bad)).toThrow(CompileError)
})
