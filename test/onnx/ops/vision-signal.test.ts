import { describe, expect, it } from 'vitest'
import { tensorOf, toNumbers, type Tensor } from '../../../compiler/core/tensor.ts'
import { runNode, type OneNode } from '../one-node.ts'

const f32 = (shape: number[], values: number[]): Tensor => tensorOf('f32', shape, values)
const i64 = (...values: number[]): Tensor => tensorOf('i64', [values.length], values)

/** Elements of every output, rounded to six decimals. */
const run = (node: OneNode): number[][] =>
  runNode(node).map((t) => toNumbers(t).map((v) => Math.round(v * 1e6) / 1e6 + 0))

describe('GridSample', () => {
  const x = f32([1, 1, 2, 2], [1, 2, 3, 4])
  const at = (positions: number[], attributes: OneNode['attributes'] = {}): number[] =>
    run({
      operator: 'GridSample',
      inputs: [x, f32([1, 1, positions.length / 2, 2], positions)],
      attributes: { align_corners: 1, ...attributes },
    })[0]!

  it('interpolates between corners; the first component runs along the last axis', () => {
    expect(at([-1, -1, 1, -1, 0, 0, 0, 1])).toEqual([1, 2, 2.5, 3.5])
  })

  it('counts what is outside as 0, as the border, or mirrors it', () => {
    expect(at([3, -1, 2, -1])).toEqual([0, 1])
    expect(at([3, -1], { padding_mode: 'border' })).toEqual([2])
    expect(at([3, -1, 2, -1], { padding_mode: 'reflection' })).toEqual([1, 1.5])
  })

  it('takes the nearest element', () => {
    expect(at([0.2, -0.9], { mode: 'nearest' })).toEqual([2])
  })
})

describe('regions and columns', () => {
  it('RoiAlign averages the samples of each cell', () => {
    const x = f32([1, 1, 2, 4], [0, 1, 2, 3, 10, 11, 12, 13])
    const attributes = { output_height: 1, output_width: 2, sampling_ratio: 1 }
    const inputs = [x, f32([1, 4], [0.5, 0.5, 2.5, 1.5]), i64(0)]
    // Cells are one wide and one high from (0, 0) on; samples stand in their middle.
    expect(run({ operator: 'RoiAlign', inputs, attributes })).toEqual([[5.5, 6.5]])
  })

  it('RoiAlign takes as many samples as a cell has elements where none are asked for', () => {
    const x = f32([1, 1, 1, 6], [0, 1, 2, 3, 4, 5])
    // 4 and 1 elements wide, then turned inside out, then 4 again.
    const rois = f32([4, 4], [0.5, 0.5, 4.5, 1.5, 1, 0.5, 2, 1.5, 3, 0.5, 1, 1.5, 1.5, 0.5, 5.5, 1.5])
    const node = { operator: 'RoiAlign', opset: 16, inputs: [x, rois, i64(0, 0, 0, 0)], constant: [1] }
    // Half-pixel coordinates: samples at 0.5 … 3.5 of the first, 1 of the second, 1.5 … 4.5 of the last.
    expect(run(node)).toEqual([[2, 1, 0, 3]])
    expect(run({ ...node, attributes: { mode: 'max' } })).toEqual([[2, 1, 0, 2.5]])
  })

  it('MaxRoiPool takes the maximum of the elements that a cell touches', () => {
    const x = f32([1, 1, 3, 4], [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23])
    const attributes = { pooled_shape: [1, 2], spatial_scale: { float: 0.5 } }
    // Columns 0 … 2 of rows 0 … 1 (the scale is 1/2): cells of 1.5 columns touch two. The second region is outside.
    const inputs = [x, f32([2, 5], [0, 0, 0, 4, 2, 0, 20, 20, 24, 24])]
    expect(run({ operator: 'MaxRoiPool', inputs, attributes })).toEqual([[11, 12, 0, 0]])
  })

  it('DeformConv samples where the offsets say', () => {
    const x = f32([1, 1, 1, 4], [1, 2, 3, 4])
    const w = f32([1, 1, 1, 2], [1, 10])
    const offsets = f32([1, 4, 1, 3], [0, 0, 0, 0, 0, 0.5, 0, 0, 0, 0, 0, 1])
    expect(run({ operator: 'DeformConv', opset: 19, inputs: [x, w, offsets] })).toEqual([[21, 32, 3.5]])
  })

  it('Col2Im adds overlapping blocks up', () => {
    const columns = f32([1, 2, 3], [1, 2, 3, 10, 20, 30])
    const inputs = [columns, i64(1, 4), i64(1, 2)]
    expect(run({ operator: 'Col2Im', opset: 18, inputs, constant: [1, 2] })).toEqual([[1, 12, 23, 30]])
  })

  it('CenterCropPad leaves the odd element to the end', () => {
    const crop = { operator: 'CenterCropPad', opset: 18, constant: [1] }
    expect(run({ ...crop, inputs: [f32([4], [1, 2, 3, 4]), i64(1)] })).toEqual([[2]])
    expect(run({ ...crop, inputs: [f32([2], [1, 2]), i64(5)] })).toEqual([[0, 1, 2, 0, 0]])
  })

  it('NonMaxSuppression keeps the best of boxes that overlap', () => {
    const boxes = f32([1, 3, 4], [0, 0, 2, 2, 0, 0, 2, 1.8, 5, 5, 6, 6])
    const scores = f32([1, 1, 3], [0.5, 0.9, 0.3])
    const inputs = [boxes, scores, i64(10), f32([1], [0.5]), f32([1], [0.1])]
    const node = { operator: 'NonMaxSuppression', inputs, constant: [0, 1, 2, 3, 4] }
    expect(run(node)).toEqual([[0, 0, 1, 0, 0, 2]])
  })

  it('AffineGrid maps the centres of elements', () => {
    const theta = f32([1, 2, 3], [1, 0, 0.25, 0, 2, 0])
    const inputs = [theta, i64(1, 1, 1, 2)]
    expect(run({ operator: 'AffineGrid', opset: 20, inputs, constant: [1] })).toEqual([[-0.25, 0, 0.75, 0]])
  })
})

describe('signals', () => {
  it('DFT and its inverse', () => {
    const forward = { operator: 'DFT', opset: 17, inputs: [f32([1, 4, 1], [1, 2, 3, 4])], attributes: { onesided: 1 } }
    expect(run(forward)).toEqual([[10, 0, -2, 2, -2, 0]])
    const inverse = { onesided: 1, inverse: 1 }
    const bins = f32([1, 3, 2], [10, 0, -2, 2, -2, 0])
    expect(run({ operator: 'DFT', opset: 17, inputs: [bins], attributes: inverse })).toEqual([[1, 2, 3, 4]])
  })

  it('STFT transforms windowed frames', () => {
    const inputs = [f32([1, 4], [1, 2, 3, 4]), i64(2), f32([2], [1, 0.5])]
    expect(run({ operator: 'STFT', inputs, constant: [1] })).toEqual([[2, 0, 0, 0, 5, 0, 1, 0]])
  })

  it('windows are periodic unless they are symmetric', () => {
    expect(run({ operator: 'HannWindow', inputs: [i64(4)], constant: [0] })).toEqual([[0, 0.5, 1, 0.5]])
    const symmetric = { operator: 'HannWindow', inputs: [i64(3)], constant: [0], attributes: { periodic: 0 } }
    expect(run(symmetric)).toEqual([[0, 1, 0]])
  })

  it('TfIdfVectorizer counts n-grams with skips', () => {
    const attributes = {
      min_gram_length: 1,
      max_gram_length: 2,
      max_skip_count: 1,
      ngram_counts: [0, 1],
      ngram_indexes: [2, 0],
      pool_int64s: [7, 7, 8],
      mode: 'TF',
    }
    // 7 twice; 7 8 once side by side and once with one between.
    const inputs = [tensorOf('i32', [4], [7, 7, 8, 5])]
    expect(run({ operator: 'TfIdfVectorizer', inputs, attributes })).toEqual([[2, 0, 2]])
  })
})

describe('states', () => {
  it('TensorScatter writes at an index of each example, in a circle if asked', () => {
    const inputs = [f32([2, 3, 1], [1, 2, 3, 4, 5, 6]), f32([2, 2, 1], [10, 20, 30, 40]), i64(1, 2)]
    const node = { operator: 'TensorScatter', opset: 24, inputs, attributes: { mode: 'circular' } }
    expect(run(node)).toEqual([[1, 10, 20, 40, 5, 30]])
  })

  it('CausalConvWithState sees the past and hands it on', () => {
    const inputs = [f32([1, 1, 2], [1, 2]), f32([1, 1, 2], [10, 1]), undefined, f32([1, 1, 1], [5])]
    expect(run({ operator: 'CausalConvWithState', opset: 27, inputs, outputs: 2 })).toEqual([[51, 12], [2]])
  })

  it('LinearAttention decays its state and writes what it does not recall', () => {
    const inputs = [f32([1, 2, 1], [1, 1]), f32([1, 2, 1], [1, 2]), f32([1, 2, 1], [3, 5])]
    const attributes = { q_num_heads: 1, kv_num_heads: 1, update_rule: 'delta' }
    const beta = f32([1, 2, 1], [1, 0.5])
    // S = 3, then 3 + 0.5 · 2 · (5 - 3 · 2) = 2.
    const node = { operator: 'LinearAttention', opset: 27, inputs: [...inputs, undefined, undefined, beta], outputs: 2 }
    expect(run({ ...node, attributes })).toEqual([[3, 2], [2]])
  })
})
