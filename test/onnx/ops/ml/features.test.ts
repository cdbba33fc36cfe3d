import { describe, expect, it } from 'vitest'
import type { DType, Scalar } from '../../../../compiler/core/scalar/dtype.ts'
import { tensorOf, toNumbers, type Tensor } from '../../../../compiler/core/tensor.ts'
import { stored, type AttributeValue } from '../../build.ts'
import { close, f32, floats, run, type Case } from './node.ts'

describe('features', () => {
  it('scales', () => {
    const attributes = { offset: floats(1, 2), scale: floats(10, 0.5) }
    close(run('Scaler', [f32([2, 2], [1, 2, 3, 4])], { attributes })[0]!, [0, 0, 20, 1])
    const one = { offset: floats(1), scale: floats(2) }
    const [result] = run('Scaler', [tensorOf('i64', [3], [1n, 2n, 3n])], { attributes: one })
    expect(result!.dtype).toBe('f32')
    close(result!, [0, 2, 4])
  })

  it.each([
    ['MAX', [-1, 2, -4, 0, 0, 0], [-0.5, 1, -2, 0, 0, 0]],
    ['L1', [-1, 2, -5, 0, 0, 0], [-1 / 8, 2 / 8, -5 / 8, 0, 0, 0]],
    ['L2', [-3, 4, 0, 0, 0, 0], [-0.6, 0.8, 0, 0, 0, 0]],
  ])('normalizes by %s', (norm, x, y) => close(run('Normalizer', [f32([2, 3], x)], { attributes: { norm } })[0]!, y))

  it('imputes NaN and integers', () => {
    const attributes = { imputed_value_floats: floats(7, 8), replaced_value_float: { float: NaN } }
    close(run('Imputer', [f32([2, 2], [NaN, 1, 2, NaN])], { attributes })[0]!, [7, 1, 2, 8])
    const ints = { imputed_value_int64s: [9], replaced_value_int64: -1 }
    expect(run('Imputer', [tensorOf('i64', [3], [-1n, 0n, -1n])], { attributes: ints })[0]!.data).toEqual(
      BigInt64Array.of(9n, 0n, 9n),
    )
  })

  it('binarizes, also one hot', () => {
    close(run('Binarizer', [f32([3], [0.5, 1, 1.5])], { attributes: { threshold: { float: 1 } } })[0]!, [0, 0, 1])
    const [hot] = run('OneHotEncoder', [f32([2], [5.9, 4])], { attributes: { cats_int64s: [3, 5] } })
    expect(hot!.shape).toEqual([2, 2])
    close(hot!, [0, 1, 0, 0])
  })

  it('passes scores through ZipMap', () => {
    close(run('ZipMap', [f32([1, 2], [0.25, 0.75])], { attributes: { classlabels_int64s: [0, 1] } })[0]!, [0.25, 0.75])
  })

  it('extracts and vectorizes', () => {
    const indices = tensorOf('i64', [1, 2], [2n, 0n])
    const [row] = run('ArrayFeatureExtractor', [f32([3], [1, 2, 3]), indices])
    expect(row!.shape).toEqual([1, 2])
    close(row!, [3, 1])
    close(run('ArrayFeatureExtractor', [f32([2, 3], [1, 2, 3, 4, 5, 6]), indices])[0]!, [3, 1, 6, 4])
    const parts = [f32([2, 2], [1, 2, 3, 4]), tensorOf('i32', [2, 1], [5, 6])]
    const attributes = { inputdimensions: [1, 2] }
    close(run('FeatureVectorizer', parts, { attributes })[0]!, [1, 5, 0, 3, 6, 0])
  })
})

describe('LabelEncoder', () => {
  const encode = (x: Tensor, attributes: Case['attributes'] = {}): number[] =>
    toNumbers(run('LabelEncoder', [x], { attributes })[0]!)

  it('maps close integers and far ones', () => {
    const x = tensorOf('i64', [5], [2n, 4n, 3n, -(2n ** 40n), 2n ** 40n])
    expect(encode(x, { keys_int64s: [4, 2, 4], values_floats: floats(0.5, 7, 9) })).toEqual([7, 0.5, -0, -0, -0])
    const attributes = { keys_int64s: [2, 2 ** 40, 2], values_int64s: [10, 20, 30], default_int64: 5 }
    expect(encode(x, attributes)).toEqual([10, 5, 5, 5, 20])
  })

  it('maps floats, NaN among them', () => {
    const attributes = { keys_floats: floats(NaN, 1.5), values_int64s: [1, 2] }
    expect(encode(f32([3], [1.5, NaN, 0]), attributes)).toEqual([2, 1, -1])
  })

  it('maps tensors', () => {
    const tensor = (dtype: DType, values: Scalar[]): AttributeValue => ({
      tensor: stored('t', tensorOf(dtype, [values.length], values)),
    })
    const attributes = {
      keys_tensor: tensor('i32', [1, 2]),
      values_tensor: tensor('i16', [-3, 4]),
      default_tensor: tensor('i16', [9]),
    }
    const [y] = run('LabelEncoder', [tensorOf('i32', [3], [2, 1, 0])], { attributes, opset: 4 })
    expect(y!.data).toEqual(Int16Array.of(4, -3, 9))
  })
})
