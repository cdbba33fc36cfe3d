import { describe, expect, it } from 'vitest'
import { arg, binary, constant as literal } from '../../compiler/core/scalar/expr.ts'
import { ops, facetsOf, type AttrsOf, type OpName } from '../../compiler/core/ops/index.ts'
import { trivialWindow } from '../../compiler/core/ops/window.ts'
import { tensorOf, toNumbers, type Tensor, type TensorType } from '../../compiler/core/tensor.ts'

/** Result 0 of an op as nested by its shape: [shape, elements]. */
function run<O extends OpName>(
  op: O,
  operands: readonly Tensor[],
  attrs: AttrsOf<O>,
  result = 0,
): [readonly number[], number[]] {
  const facets = facetsOf(op)
  const tensors = facets.evaluate(operands, attrs)
  const types = facets.type(operands, attrs)
  tensors.forEach((t, i) => expect([t.dtype, ...t.shape]).toEqual([types[i]!.dtype, ...types[i]!.shape]))
  return [tensors[result]!.shape, toNumbers(tensors[result]!)]
}

const f32 = (shape: readonly number[], values: readonly number[]): Tensor => tensorOf('f32', shape, values)
const i32 = (shape: readonly number[], values: readonly number[]): Tensor => tensorOf('i32', shape, values)
const x23 = f32([2, 3], [1, 2, 3, 4, 5, 6])

describe('evaluate', () => {
  it('constant and iota', () => {
    expect(run('constant', [], { value: x23 })).toEqual([
      [2, 3],
      [1, 2, 3, 4, 5, 6],
    ])
    expect(run('iota', [], { type: { dtype: 'i64', shape: [2, 3] }, axis: 1 })).toEqual([
      [2, 3],
      [0, 1, 2, 0, 1, 2],
    ])
    expect(run('iota', [], { type: { dtype: 'f32', shape: [2, 3] }, axis: 0 })).toEqual([
      [2, 3],
      [0, 0, 0, 1, 1, 1],
    ])
  })

  it('an input has no value of its own', () => {
    expect(() => ops.input.evaluate([], { name: 'x', type: x23 })).toThrow('input x')
  })

  it('map broadcasts its operands', () => {
    const expr = binary('sub', arg(0, 'f32'), binary('mul', arg(1, 'f32'), literal(10, 'f32')))
    expect(run('map', [x23, f32([2, 1], [1, 2])], { expr })).toEqual([
      [2, 3],
      [-9, -8, -7, -16, -15, -14],
    ])
    expect(run('map', [f32([], [7]), f32([2], [0, 1])], { expr })).toEqual([[2], [7, -3]])
  })

  it.each([
    ['add', [0], [3], [5, 7, 9]],
    ['add', [1], [2], [6, 15]],
    ['mul', [0, 1], [], [720]],
    ['max', [1], [2], [3, 6]],
    ['min', [0], [3], [1, 2, 3]],
  ] as const)('reduce %s over %j', (kind, axes, shape, values) => {
    expect(run('reduce', [x23], { kind, axes })).toEqual([shape, values])
  })

  it('reduce over nothing gives the identity', () => {
    const of = (kind: 'add' | 'mul' | 'max' | 'min', t: Tensor): number =>
      run('reduce', [t], { kind, axes: [0] })[1][0]!
    expect((['add', 'mul', 'max', 'min'] as const).map((kind) => of(kind, f32([0], [])))).toEqual([
      0,
      1,
      -Infinity,
      Infinity,
    ])
    expect((['max', 'min'] as const).map((kind) => of(kind, i32([0], [])))).toEqual([-(2 ** 31), 2 ** 31 - 1])
    const bits = tensorOf('u8', [3], [0b1100, 0b1010, 0b1001])
    expect(run('reduce', [bits], { kind: 'and', axes: [0] })[1]).toEqual([0b1000])
    expect(run('reduce', [bits], { kind: 'or', axes: [0] })[1]).toEqual([0b1111])
  })

  it('reduce adds f32 in f64', () => {
    expect(run('reduce', [f32([3], [2 ** 24, 1, 1])], { kind: 'add', axes: [0] })[1]).toEqual([2 ** 24 + 2])
  })

  it('argreduce takes the first or last of equals and lets NaN win', () => {
    const x = f32([2, 4], [1, 3, 3, 0, 5, NaN, 7, 5])
    expect(run('argreduce', [x], { kind: 'max', axis: 1, last: false })).toEqual([[2], [1, 1]])
    expect(run('argreduce', [x], { kind: 'max', axis: 1, last: true })).toEqual([[2], [2, 1]])
    expect(run('argreduce', [x], { kind: 'min', axis: 1, last: false })).toEqual([[2], [3, 1]])
    expect(run('argreduce', [x23], { kind: 'min', axis: 0, last: false })).toEqual([[3], [0, 0, 0]])
  })

  it.each([
    [false, false, [1, 3, 6, 4, 9, 15]],
    [true, false, [0, 1, 3, 0, 4, 9]],
    [false, true, [6, 5, 3, 15, 11, 6]],
    [true, true, [5, 3, 0, 11, 6, 0]],
  ])('cumulate, exclusive %s, reverse %s', (exclusive, reverse, values) => {
    expect(run('cumulate', [x23], { kind: 'add', axis: 1, exclusive, reverse })).toEqual([[2, 3], values])
  })

  it('reduce_window', () => {
    const x = f32([5], [3, 1, 4, 1, 5])
    const over = (kind: 'add' | 'max', w: Partial<typeof trivialWindow>) =>
      run('reduce_window', [x], { kind, window: [{ ...trivialWindow, ...w }] })
    expect(over('max', { size: 2 })).toEqual([[4], [3, 4, 4, 5]])
    expect(over('add', { size: 3, stride: 2, low: 1, high: 1 })).toEqual([[3], [4, 6, 6]])
    expect(over('add', { size: 2, dilation: 3 })).toEqual([[2], [4, 6]])
    expect(over('max', { low: 1 })).toEqual([[6], [-Infinity, 3, 1, 4, 1, 5]])
    expect(over('add', { size: 2, baseDilation: 2 })).toEqual([[8], [3, 1, 1, 4, 4, 1, 1, 5]])
    expect(over('add', { size: 6 })).toEqual([[0], []])
  })

  it('views', () => {
    expect(run('reshape', [x23], { shape: [3, 1, 2] })).toEqual([
      [3, 1, 2],
      [1, 2, 3, 4, 5, 6],
    ])
    expect(run('transpose', [x23], { perm: [1, 0] })).toEqual([
      [3, 2],
      [1, 4, 2, 5, 3, 6],
    ])
    const x = f32([1, 2, 3], [1, 2, 3, 4, 5, 6])
    expect(run('transpose', [x], { perm: [2, 0, 1] })).toEqual([
      [3, 1, 2],
      [1, 4, 2, 5, 3, 6],
    ])
    expect(run('broadcast_in_dim', [f32([2, 1], [1, 2])], { shape: [2, 2, 2], dims: [0, 2] })).toEqual([
      [2, 2, 2],
      [1, 1, 1, 1, 2, 2, 2, 2],
    ])
    expect(run('slice', [x23], { start: [0, 1], shape: [2, 2], strides: [1, 1] })).toEqual([
      [2, 2],
      [2, 3, 5, 6],
    ])
    expect(run('slice', [x23], { start: [1, 2], shape: [2, 2], strides: [-1, -2] })).toEqual([
      [2, 2],
      [6, 4, 3, 1],
    ])
    expect(run('slice', [x23], { start: [0, 0], shape: [2, 0], strides: [1, 1] })).toEqual([[2, 0], []])
  })

  it('pad and concatenate', () => {
    expect(run('pad', [f32([2], [1, 2]), f32([], [9])], { low: [1], high: [2] })).toEqual([[5], [9, 1, 2, 9, 9]])
    expect(run('pad', [x23, f32([], [0])], { low: [0, 1], high: [1, 0] })).toEqual([
      [3, 4],
      [0, 1, 2, 3, 0, 4, 5, 6, 0, 0, 0, 0],
    ])
    const y = f32([2, 1], [8, 9])
    expect(run('concatenate', [x23, y, x23], { axis: 1 })).toEqual([
      [2, 7],
      [1, 2, 3, 8, 1, 2, 3, 4, 5, 6, 9, 4, 5, 6],
    ])
    expect(run('concatenate', [y, f32([0, 1], [])], { axis: 0 })).toEqual([
      [2, 1],
      [8, 9],
    ])
  })

  const take = {
    offsetDims: [1],
    collapsedSliceDims: [0],
    operandBatchingDims: [],
    startIndicesBatchingDims: [],
    startIndexMap: [0],
    indexVectorDim: 1,
    sliceSizes: [1, 3],
  }

  it('gather clamps its places', () => {
    expect(run('gather', [x23, i32([3], [1, -5, 9])], take)).toEqual([
      [3, 3],
      [4, 5, 6, 1, 2, 3, 4, 5, 6],
    ])
    const window = { ...take, offsetDims: [0], sliceSizes: [1, 2], startIndexMap: [0, 1], indexVectorDim: 0 }
    expect(run('gather', [x23, i32([2], [1, 1])], window)).toEqual([[2], [5, 6]])
    expect(run('gather', [x23, i32([2], [1, 2])], window)).toEqual([[2], [5, 6]])
  })

  it('gather along batching axes', () => {
    const attrs = { ...take, offsetDims: [], collapsedSliceDims: [1], operandBatchingDims: [0] }
    const batched = {
      ...attrs,
      startIndicesBatchingDims: [0],
      startIndexMap: [1],
      indexVectorDim: 2,
      sliceSizes: [1, 1],
    }
    expect(run('gather', [x23, i32([2, 2], [2, 0, 1, 1])], batched)).toEqual([
      [2, 2],
      [3, 1, 5, 5],
    ])
  })

  it('scatter combines in order and leaves out what is outside', () => {
    const attrs = {
      updateWindowDims: [],
      insertedWindowDims: [0],
      inputBatchingDims: [],
      scatterIndicesBatchingDims: [],
      scatterDimsToOperandDims: [0],
      indexVectorDim: 1,
    }
    const x = f32([4], [1, 2, 3, 4])
    const operands = [x, i32([5], [1, 3, 1, -1, 4]), f32([5], [10, 20, 30, 40, 50])]
    expect(run('scatter', operands, { kind: 'set', ...attrs })).toEqual([[4], [1, 30, 3, 20]])
    expect(run('scatter', operands, { kind: 'add', ...attrs })).toEqual([[4], [1, 42, 3, 24]])
    expect(toNumbers(x)).toEqual([1, 2, 3, 4])
    const rows = { ...attrs, updateWindowDims: [1] }
    expect(run('scatter', [x23, i32([1], [1]), f32([1, 3], [7, 8, 9])], { kind: 'set', ...rows })[1]).toEqual([
      1, 2, 3, 7, 8, 9,
    ])
  })

  it('dot_general', () => {
    const plain = { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] }
    expect(run('dot_general', [x23, f32([3, 2], [1, 0, 0, 1, 2, 3])], plain)).toEqual([
      [2, 2],
      [7, 11, 16, 23],
    ])
    const batched = { lhsBatch: [1], rhsBatch: [0], lhsContract: [0], rhsContract: [1] }
    // Result axes: batch 3, no free axis on the left, free 1 on the right.
    expect(run('dot_general', [x23, f32([3, 2, 1], [1, 1, 1, 2, 1, 3])], batched)).toEqual([
      [3, 1],
      [5, 12, 21],
    ])
    expect(run('dot_general', [f32([2, 0], []), f32([0, 1], [])], plain)).toEqual([
      [2, 1],
      [0, 0],
    ])
  })

  const inner = { lhsBatch: [], rhsBatch: [], lhsContract: [0], rhsContract: [0] }

  it('dot_general of narrow integers sums in i32', () => {
    const bytes = tensorOf('u8', [3], [255, 255, 255])
    const signed = tensorOf('i8', [3], [-128, -128, 127])
    expect(ops.dot_general.evaluate([bytes, signed], inner)[0]).toMatchObject({
      dtype: 'i32',
      data: Int32Array.of(-32895),
    })
  })

  it('dot_general of i32 is exact modulo 2^32', () => {
    const big = i32([2], [2 ** 30 + 1, 1])
    expect(run('dot_general', [big, big], inner)[1]).toEqual([-(2 ** 31) + 2])
  })

  it('convolution', () => {
    const axes = { batch: 0, feature: 1, spatial: [2] }
    const attrs = { lhs: axes, rhs: { output: 0, input: 1, spatial: [2] }, out: axes }
    const x = f32([1, 2, 4], [1, 2, 3, 4, 5, 6, 7, 8])
    const w = f32([1, 2, 2], [1, 10, 100, 1000])
    const over = (window: Partial<typeof trivialWindow>, kernel = w, groups = 1) =>
      run('convolution', [x, kernel], { ...attrs, window: [{ ...trivialWindow, size: 2, ...window }], groups })
    expect(over({})).toEqual([
      [1, 1, 3],
      [6521, 7632, 8743],
    ])
    expect(over({ low: 1, high: 1, stride: 2 })).toEqual([
      [1, 1, 3],
      [5010, 7632, 804],
    ])
    expect(over({ dilation: 2 })).toEqual([
      [1, 1, 2],
      [7531, 8642],
    ])
    expect(over({ low: -1 })).toEqual([
      [1, 1, 2],
      [7632, 8743],
    ])
    expect(over({ baseDilation: 2 })).toEqual([
      [1, 1, 6],
      [501, 6020, 602, 7030, 703, 8040],
    ])
    expect(over({}, f32([2, 1, 2], [1, 10, 1, -1]), 2)).toEqual([
      [1, 2, 3],
      [21, 32, 43, -1, -1, -1],
    ])
  })

  it('convolution with axes in other orders', () => {
    const x = f32([4, 2, 1], [1, 5, 2, 6, 3, 7, 4, 8])
    const w = f32([2, 2, 1], [1, 100, 10, 1000])
    const attrs = {
      lhs: { spatial: [0], feature: 1, batch: 2 },
      rhs: { spatial: [0], input: 1, output: 2 },
      out: { feature: 0, spatial: [1], batch: 2 },
      window: [{ ...trivialWindow, size: 2 }],
      groups: 1,
    }
    expect(run('convolution', [x, w], attrs)).toEqual([
      [1, 3, 1],
      [6521, 7632, 8743],
    ])
  })

  it('sort is stable and counts NaN as largest', () => {
    const x = f32([5], [2, NaN, 1, 2, 0])
    expect(run('sort', [x], { axis: 0, descending: false })[1]).toEqual([0, 1, 2, 2, NaN])
    expect(run('sort', [x], { axis: 0, descending: false }, 1)[1]).toEqual([4, 2, 0, 3, 1])
    expect(run('sort', [x], { axis: 0, descending: true }, 1)[1]).toEqual([1, 0, 3, 2, 4])
    expect(run('sort', [f32([2, 2], [3, 1, 2, 4])], { axis: 0, descending: false })).toEqual([
      [2, 2],
      [2, 1, 3, 4],
    ])
  })
})

describe('type', () => {
  const t = (text: string): TensorType => {
    const [, dtype, dims] = /^(\w+)\[(.*)\]$/.exec(text)!
    return { dtype: dtype as TensorType['dtype'], shape: dims === '' ? [] : dims!.split(',').map(Number) }
  }
  const window = [trivialWindow, trivialWindow]
  const conv = {
    lhs: { batch: 0, feature: 1, spatial: [2] },
    rhs: { output: 0, input: 1, spatial: [2] },
    out: { batch: 0, feature: 1, spatial: [2] },
    window: [trivialWindow],
    groups: 1,
  }
  const dot = { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] }
  const gather = {
    offsetDims: [1],
    collapsedSliceDims: [0],
    operandBatchingDims: [],
    startIndicesBatchingDims: [],
    startIndexMap: [0],
    indexVectorDim: 1,
    sliceSizes: [1, 3],
  }
  const scatter = {
    kind: 'set',
    updateWindowDims: [1],
    insertedWindowDims: [0],
    inputBatchingDims: [],
    scatterIndicesBatchingDims: [],
    scatterDimsToOperandDims: [0],
    indexVectorDim: 1,
  }

  it.each<[OpName, string[], unknown, RegExp]>([
    ['map', ['f32[2]', 'f32[3]'], { expr: binary('add', arg(0, 'f32'), arg(1, 'f32')) }, /do not broadcast/],
    ['map', ['f32[2]', 'f32[2]'], { expr: arg(1, 'f32') }, /names 1 of 2 operands/],
    ['map', ['f32[2]'], { expr: arg(1, 'f32') }, /operand 1 of 1/],
    ['map', ['i32[2]'], { expr: arg(0, 'f32') }, /operand 0 is i32/],
    ['reduce', ['f32[2,3]'], { kind: 'add', axes: [2] }, /axis 2/],
    ['reduce', ['f32[2,3]'], { kind: 'add', axes: [0, 0] }, /repeat/],
    ['reduce', ['f32[2]'], { kind: 'and', axes: [0] }, /does not take f32/],
    ['reduce', ['bool[2]'], { kind: 'add', axes: [0] }, /does not take bool/],
    ['reduce', ['f16[2]'], { kind: 'add', axes: [0] }, /does not take f16/],
    ['argreduce', ['f32[2,0]'], { kind: 'max', axis: 1, last: false }, /no elements/],
    ['argreduce', ['f32[2]'], { kind: 'max', axis: -1, last: false }, /axis -1/],
    ['cumulate', ['f32[2]'], { kind: 'add', axis: 0.5, exclusive: false, reverse: false }, /axis 0.5/],
    ['reduce_window', ['f32[2]'], { kind: 'add', window }, /rank 2 on rank 1/],
    ['reduce_window', ['f32[2]'], { kind: 'add', window: [{ ...trivialWindow, stride: 0 }] }, /no size, stride/],
    ['reshape', ['f32[2,3]'], { shape: [5] }, /not as many elements/],
    ['transpose', ['f32[2,3]'], { perm: [0] }, /permutation of 1/],
    ['transpose', ['f32[2,3]'], { perm: [1, 1] }, /repeat/],
    ['broadcast_in_dim', ['f32[2]'], { shape: [3], dims: [0] }, /does not broadcast/],
    ['broadcast_in_dim', ['f32[2,3]'], { shape: [3, 2], dims: [1, 0] }, /does not broadcast/],
    ['slice', ['f32[3]'], { start: [2], shape: [2], strides: [1] }, /leaves f32\[3\]/],
    ['slice', ['f32[3]'], { start: [0], shape: [2], strides: [-1] }, /leaves/],
    ['slice', ['f32[3]'], { start: [0], shape: [2], strides: [0] }, /leaves/],
    ['slice', ['f32[3]'], { start: [], shape: [], strides: [] }, /another rank/],
    ['pad', ['f32[2]', 'i32[]'], { low: [0], high: [0] }, /scalar f32/],
    ['pad', ['f32[2]', 'f32[]'], { low: [-1], high: [0] }, /negative/],
    ['pad', ['f32[2]', 'f32[]'], { low: [], high: [] }, /another rank/],
    ['concatenate', ['f32[2,3]', 'f32[3,2]'], { axis: 0 }, /does not fit/],
    ['concatenate', ['f32[2]', 'i32[2]'], { axis: 0 }, /does not fit/],
    ['concatenate', [], { axis: 0 }, /at least one/],
    ['iota', [], { type: { dtype: 'i32', shape: [2] }, axis: 1 }, /axis 1/],
    ['gather', ['f32[2,3]', 'f32[1]'], gather, /indices are f32/],
    ['gather', ['f32[2,2]', 'i32[1]'], gather, /does not fit/],
    ['gather', ['f32[2,3]', 'i32[1]'], { ...gather, offsetDims: [] }, /0 offset axes for 1/],
    ['gather', ['f32[2,3]', 'i32[1]'], { ...gather, startIndexMap: [0, 1] }, /index vectors of 1/],
    ['scatter', ['f32[2,3]', 'i32[1]', 'i32[1,3]'], scatter, /updates are i32/],
    ['scatter', ['f32[2,3]', 'i32[1]', 'f32[2,3]'], scatter, /batch shape/],
    ['scatter', ['f32[2,3]', 'bool[1]', 'f32[1,3]'], scatter, /indices are bool/],
    ['dot_general', ['f32[2,3]', 'f32[2,3]'], dot, /do not match/],
    ['dot_general', ['f32[2,3]', 'i32[3,2]'], dot, /f32 and i32/],
    ['dot_general', ['f16[2,3]', 'f16[3,2]'], dot, /does not take f16/],
    ['convolution', ['f32[1,2,5]', 'f32[4,3,1]'], conv, /2 channels for a kernel of 3/],
    ['convolution', ['f32[1,4,5]', 'f32[3,2,1]'], { ...conv, groups: 2 }, /3 output channels/],
    ['convolution', ['f32[1,2,5]', 'f32[4,2,3]'], conv, /differ in size/],
    ['convolution', ['f32[1,2]', 'f32[4,2,1]'], conv, /not of rank 3/],
    ['sort', ['f32[]'], { axis: 0, descending: false }, /axis 0/],
  ])('%s of %j %j', (op, operands, attrs, message) => {
    const derive = (): unknown => facetsOf(op).type(operands.map(t), attrs)
    expect(derive).toThrow(TypeError)
    expect(derive).toThrow(message)
  })
})
