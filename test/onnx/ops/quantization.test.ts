import { describe, expect, it } from 'vitest'
import type { DType } from '../../../compiler/core/scalar/dtype.ts'
import { constantOf } from '../../../compiler/core/evaluate.ts'
import { nodesOf } from '../../../compiler/core/graph.ts'
import { tensorOf, toNumbers, type Tensor } from '../../../compiler/core/tensor.ts'
import { importModel } from '../../../compiler/onnx/import.ts'
import { modelOf, runNode, type OneNode } from '../one-node.ts'

const vector = (dtype: DType, values: number[], shape = [values.length]): Tensor => tensorOf(dtype, shape, values)
const scalar = (dtype: DType, value: number): Tensor => tensorOf(dtype, [], [value])
const result = (node: OneNode): number[] => toNumbers(runNode(node)[0]!)

describe('QuantizeLinear', () => {
  it('rounds half to even, shifts and saturates', () => {
    const inputs = [vector('f32', [0.5, 1.5, -0.5, -1.5, 1e9, -1e9, Infinity]), scalar('f32', 1), scalar('u8', 3)]
    expect(result({ operator: 'QuantizeLinear', inputs })).toEqual([3, 5, 3, 1, 255, 0, 255])
    const narrow = [vector('f32', [0.5, 200, -200]), scalar('f32', 1), scalar('i8', -1)]
    expect(result({ operator: 'QuantizeLinear', inputs: narrow })).toEqual([-1, 127, -128])
  })

  it('takes the dtype of the zero point, of output_dtype, or u8', () => {
    const inputs = [vector('f32', [300]), scalar('f32', 1)]
    const dtypeOf = (node: OneNode): DType => runNode(node)[0]!.dtype
    expect(dtypeOf({ operator: 'QuantizeLinear', opset: 21, inputs })).toBe('u8')
    expect(dtypeOf({ operator: 'QuantizeLinear', opset: 21, inputs, attributes: { output_dtype: 5 } })).toBe('i16')
    expect(dtypeOf({ operator: 'QuantizeLinear', opset: 21, inputs: [...inputs, scalar('u16', 0)] })).toBe('u16')
  })

  it('has parameters along an axis', () => {
    const inputs = [vector('f32', [1, 2, 3, 4], [2, 2]), vector('f32', [1, 0.5]), vector('u8', [0, 10])]
    expect(result({ operator: 'QuantizeLinear', inputs, attributes: { axis: 0 } })).toEqual([1, 2, 16, 18])
    expect(result({ operator: 'QuantizeLinear', inputs, attributes: { axis: -1 } })).toEqual([1, 14, 3, 18])
  })
})

describe('narrow types', () => {
  const quantized = (values: number[], zero: Tensor, attributes = {}): Tensor =>
    runNode({
      ...{ operator: 'QuantizeLinear', opset: 23, attributes },
      inputs: [vector('f32', values), scalar('f32', 2), zero],
    })[0]!
  const real = (x: Tensor, zero: Tensor): number[] =>
    result({ operator: 'DequantizeLinear', opset: 23, inputs: [x, scalar('f32', 2), zero] })

  it('of integers shift and saturate', () => {
    const x = quantized([3, 100, -100, -1], scalar('i4', -1))
    expect([x.dtype, ...toNumbers(x)]).toEqual(['i4', 1, 7, -8, -1])
    expect(real(x, scalar('i4', -1))).toEqual([4, 16, -14, 0])
    expect(toNumbers(quantized([3, 100, -100], scalar('u2', 1)))).toEqual([3, 3, 0])
  })

  it('of floats round and saturate, unless they must not', () => {
    const x = quantized([2.2, -3, 2000], scalar('f8e4m3fn', 0))
    expect([x.dtype, ...toNumbers(x)]).toEqual(['f8e4m3fn', 1.125, -1.5, 448])
    expect(real(x, scalar('f8e4m3fn', 0))).toEqual([2.25, -3, 896])
    expect(toNumbers(quantized([2000], scalar('f8e4m3fn', 0), { saturate: 0 }))).toEqual([NaN])
    expect(toNumbers(quantized([3, 100], scalar('f4e2m1', 0)))).toEqual([1.5, 6])
  })

  it('have a scale for each block', () => {
    const inputs = [vector('i4', [1, 2, 3, 4], [1, 4]), vector('f32', [1, 10], [1, 2]), vector('i4', [0, 1], [1, 2])]
    const attributes = { axis: 1, block_size: 2 }
    expect(result({ operator: 'DequantizeLinear', opset: 21, inputs, attributes })).toEqual([1, 2, 20, 30])
    const powers = [vector('f4e2m1', [1, 6, -3], [3]), scalar('f8e8m0', 4)]
    expect(
      result({ operator: 'DequantizeLinear', opset: 25, inputs: powers, attributes: { output_dtype: 1 } }),
    ).toEqual([4, 24, -12])
  })
})

describe('DequantizeLinear', () => {
  it('subtracts integers before it scales', () => {
    const inputs = [vector('i32', [16777217, 5]), scalar('f32', 2), scalar('i32', 16777216)]
    expect(result({ operator: 'DequantizeLinear', inputs })).toEqual([2, -33554422])
  })

  it('has parameters by block, the last of which may be short', () => {
    const inputs = [vector('i8', [1, 2, 3, 4, 5]), vector('f32', [1, 10, 100]), vector('i8', [0, 1, 2])]
    const attributes = { axis: 0, block_size: 2 }
    expect(result({ operator: 'DequantizeLinear', opset: 21, inputs, attributes })).toEqual([1, 2, 20, 30, 300])
  })
})

describe('DynamicQuantizeLinear', () => {
  const quantized = (values: number[]): number[][] =>
    runNode({ operator: 'DynamicQuantizeLinear', inputs: [vector('f32', values)], outputs: 3 }).map(toNumbers)

  it('maps the range of the input and 0 to 0..255', () => {
    expect(quantized([-1, 0, 254])).toEqual([[0, 1, 255], [1], [1]])
    expect(quantized([51, 102])).toEqual([[128, 255], [Math.fround(0.4)], [0]])
  })

  it('gives zeros for zeros', () => {
    expect(quantized([0, 0])).toEqual([[0, 0], [0], [0]])
  })
})

describe('integer products', () => {
  it('subtract zero points of rows and columns', () => {
    const a = vector('u8', [11, 7, 3, 10, 6, 2, 9, 5, 1, 8, 4, 0], [4, 3])
    const b = vector('u8', [1, 4, 2, 5, 3, 6], [3, 2])
    const node = { operator: 'MatMulInteger', inputs: [a, b, scalar('u8', 12), scalar('u8', 0)] }
    expect(result(node)).toEqual([-38, -83, -44, -98, -50, -113, -56, -128])
    const perColumn = [
      vector('i8', [1, 2], [1, 2]),
      vector('i8', [3, 4, 5, 6], [2, 2]),
      scalar('i8', 1),
      vector('i8', [1, 2]),
    ]
    // [0 1] · [[2 2] [4 4]]
    expect(result({ operator: 'MatMulInteger', inputs: perColumn })).toEqual([4, 4])
    const perRow = [vector('i8', [1, 2, 3, 4], [2, 2]), vector('i8', [1, 1], [2, 1]), vector('i8', [1, 3])]
    expect(result({ operator: 'MatMulInteger', inputs: perRow })).toEqual([1, 1])
  })

  const x = vector('u8', [2, 3, 4], [1, 1, 3])
  const w = vector('i8', [1, 1, 1], [1, 1, 3])
  const attributes = { pads: [1, 1] }

  it('of convolutions pad with the zero point', () => {
    expect(result({ operator: 'ConvInteger', inputs: [x, w, scalar('u8', 2)], attributes })).toEqual([1, 3, 3])
    expect(result({ operator: 'ConvInteger', inputs: [x, w], attributes })).toEqual([5, 9, 7])
  })

  it('leave both operands in 8 bits where the zero point of the weights can join them', () => {
    const weights = vector('u8', [130, 129, 128], [1, 1, 3])
    const node = {
      operator: 'ConvInteger',
      inputs: [x, weights, scalar('u8', 2), scalar('u8', 128)],
      constant: [1, 2, 3],
      attributes,
    }
    expect(result(node)).toEqual([0, 1, 4])
    const { graph } = importModel(modelOf(node))
    const [convolution] = nodesOf(graph).filter((n) => n.op === 'convolution')
    expect(convolution!.operands.map((o) => o.type.dtype)).toEqual(['u8', 'i8'])
    expect(toNumbers(constantOf(convolution!.operands[1]!)!)).toEqual([2, 1, 0])
  })

  it('are requantized with bias and a scale for each channel', () => {
    const inputs = [
      vector('u8', [1, 2, 3, 4], [1, 1, 4]),
      scalar('f32', 0.5),
      scalar('u8', 1),
      vector('i8', [1, -1], [2, 1, 1]),
      vector('f32', [1, 2]),
      vector('i8', [0, 0]),
      scalar('f32', 1),
      scalar('u8', 10),
      vector('i32', [1, 0]),
    ]
    // Real values 0.5 (x - 1); channel 0: + 0.5, channel 1: times -2.
    expect(result({ operator: 'QLinearConv', inputs })).toEqual([10, 11, 12, 12, 10, 9, 8, 7])
  })

  it('are requantized after a matrix product', () => {
    const a = [vector('i8', [10, 20], [1, 2]), scalar('f32', 0.1), scalar('i8', 0)]
    const b = [vector('i8', [10, 0, 0, 100], [2, 2]), scalar('f32', 0.1), scalar('i8', 0)]
    const inputs = [...a, ...b, scalar('f32', 0.1), scalar('i8', 5)]
    expect(result({ operator: 'QLinearMatMul', inputs })).toEqual([15, 127])
  })
})

describe('onnxruntime’s quantized operators', () => {
  const run = (operator: string, inputs: Tensor[], attributes = {}): number[] =>
    result({ operator, domain: 'com.microsoft', inputs, attributes })
  const x = [vector('u8', [0, 128, 255, 138]), scalar('f32', 0.5), scalar('u8', 128)]
  const y = [scalar('f32', 0.25), scalar('u8', 128)]

  it('compute on real values and saturate', () => {
    expect(run('QLinearAdd', [...x, vector('u8', [4]), scalar('f32', 1), scalar('u8', 2), ...y])).toEqual([
      0, 136, 255, 156,
    ])
    expect(run('QLinearMul', [...x, vector('u8', [4]), scalar('f32', 1), scalar('u8', 2), ...y])).toEqual([
      0, 128, 255, 168,
    ])
    expect(run('QLinearLeakyRelu', [...x, ...y], { alpha: { float: 0.25 } })).toEqual([64, 128, 255, 148])
    expect(run('QLinearSigmoid', [...x, scalar('f32', 1 / 256), scalar('u8', 0)])).toEqual([0, 128, 255, 254])
  })

  it('pool with channels first and last', () => {
    const image = [vector('u8', [130, 132, 134, 140], [1, 2, 1, 2]), scalar('f32', 1), scalar('u8', 128)]
    expect(run('QLinearGlobalAveragePool', [...image, scalar('f32', 1), scalar('u8', 0)])).toEqual([3, 9])
    const last = { channels_last: 1 }
    expect(run('QLinearGlobalAveragePool', [...image, scalar('f32', 1), scalar('u8', 0)], last)).toEqual([4, 8])
    const window = { channels_last: 1, kernel_shape: [2, 1] }
    expect(run('QLinearAveragePool', [...image, scalar('f32', 1), scalar('u8', 0)], window)).toEqual([4, 8])
  })

  it('concatenate tensors of different scales', () => {
    const inputs = [scalar('f32', 1), scalar('u8', 0), vector('u8', [4]), scalar('f32', 0.5), scalar('u8', 0)]
    const second = [vector('u8', [4]), scalar('f32', 2), scalar('u8', 1)]
    expect(run('QLinearConcat', [...inputs, ...second], { axis: 0 })).toEqual([2, 6])
  })

  it('multiply by matrices of 4 and 2 bits in blocks', () => {
    // Rows [1 2 3 | 4] and [5 6 7 | 8] in blocks of 16, of which a row of 17 columns fills one and begins a second.
    const row = (first: number[], last: number): number[] => [
      ...first,
      ...new Array<number>(6).fill(0),
      last,
      ...new Array<number>(7).fill(0),
    ]
    const bytes = vector('u8', [...row([0x21, 0x03], 4), ...row([0x65, 0x07], 8)], [2, 2, 8])
    const a = vector('f32', [1, 10, 100, ...new Array<number>(13).fill(0), 1000], [1, 17])
    const scales = vector('f32', [1, 2, 1, 0.5])
    const attributes = { K: 17, N: 2, bits: 4, block_size: 16 }
    // With zero points 1, 0 and 0, 8 (the first in the lower bits), then with 8 throughout.
    expect(run('MatMulNBits', [a, bytes, scales, vector('u8', [0x01, 0x80])], attributes)).toEqual([8210, 765])
    expect(run('MatMulNBits', [a, bytes, scales], attributes)).toEqual([-8567, -123])
    const pairs = [vector('f32', [1, 1, 1, 1], [1, 4]), vector('u8', [0b11100100], [1, 1, 1]), scalar('f32', 1)]
    expect(run('MatMulNBits', pairs, { K: 4, N: 1, bits: 2, block_size: 4 })).toEqual([-2])
  })

  it('multiply matrices into real or quantized results', () => {
    const a = [vector('u8', [1, 2], [2, 1]), scalar('f32', 0.5), scalar('u8', 0)]
    const b = [vector('i8', [3, 5], [2, 1]), scalar('f32', 2), scalar('i8', 1)]
    const attributes = { transA: 1 }
    // (0.5 · [1 2]) (2 · [2 4]ᵀ) = 10, plus the bias 3 at scale 1.
    expect(run('QGemm', [...a, ...b, vector('i32', [3])], attributes)).toEqual([13])
    expect(run('QGemm', [...a, ...b, vector('i32', [3]), scalar('f32', 2), scalar('u8', 1)], attributes)).toEqual([7])
  })
})
