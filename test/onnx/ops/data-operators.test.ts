import { describe, expect, it } from 'vitest'
import { CompileError } from '../../../compiler/core/diagnostics/diagnostic.ts'
import { reader, tensorOf, toNumbers, type Tensor } from '../../../compiler/core/tensor.ts'
import { evaluate } from '../../../compiler/core/evaluate.ts'
import { nodesOf } from '../../../compiler/core/graph.ts'
import { importModel } from '../../../compiler/onnx/import.ts'
import { model, node } from '../build.ts'
import { modelOf, runNode, shapesOf, type OneNode } from '../one-node.ts'

const f32 = (shape: number[], values: readonly number[]): Tensor => tensorOf('f32', shape, values)
const i64 = (...values: number[]): Tensor => tensorOf('i64', [values.length], values)
const iota = (...shape: number[]): Tensor => f32(shape, [...Array(shape.reduce((n, d) => n * d, 1)).keys()])

const codesOf = (one: OneNode): string[] => {
  try {
    importModel(modelOf(one), { shapes: shapesOf(one) })
  } catch (error) {
    if (error instanceof CompileError) return error.diagnostics.map((d) => d.code)
    throw error
  }
  return []
}

/** Shape and elements of the first result. */
const result = (one: OneNode): { shape: readonly number[]; values: number[] } => {
  const [first] = runNode(one)
  return { shape: first!.shape, values: toNumbers(first!) }
}

describe('constants', () => {
  it.each([
    ['value_int', { value_int: -7 }, 'i64', [], [-7]],
    ['value_ints', { value_ints: [1, 2] }, 'i64', [2], [1, 2]],
    ['value_float', { value_float: { float: 0.5 } }, 'f32', [], [0.5]],
    ['value_floats', { value_floats: { floats: [0.5, 2] } }, 'f32', [2], [0.5, 2]],
  ] as const)('come from %s', (_, attributes, dtype, shape, values) => {
    const [constant] = runNode({ operator: 'Constant', inputs: [], attributes })
    expect([constant!.dtype, constant!.shape, toNumbers(constant!)]).toEqual([dtype, shape, values])
  })

  it('are exact to 64 bits', () => {
    const name = 'value_int'
    // Int attributes of build.ts are numbers, which cannot hold this: field 3 (i) of the attribute, by hand.
    const attribute = [
      0x0a,
      name.length,
      ...new TextEncoder().encode(name),
      0x18,
      ...[...Array(8).fill(0xff), 0x7f],
      0xa0,
      1,
      2,
    ]
    const parsed = new Uint8Array([
      0x12,
      1,
      0x79,
      0x22,
      8,
      ...new TextEncoder().encode('Constant'),
      0x2a,
      attribute.length,
      ...attribute,
    ])
    const graph = [0x0a, parsed.length, ...parsed, 0x62, 3, 0x0a, 1, 0x79]
    const bytes = new Uint8Array([0x3a, graph.length, ...graph, 0x42, 2, 0x10, 17])
    expect(reader(evaluate(importModel(bytes).graph, {})['y']!)(0)).toBe(2n ** 63n - 1n)
  })

  it('may be sparse', () => {
    const sparse = (indices: Tensor): Uint8Array => {
      const values = f32([2], [5, 6])
      const proto = node('y = Constant()')
      const raw = (t: Tensor, dataType: number) => ({
        dims: [...t.shape],
        dataType,
        ...(dataType === 1 ? { floatData: toNumbers(t) } : { int64Data: toNumbers(t) }),
      })
      proto.attribute = [
        {
          name: 'sparse_value',
          type: 11,
          sparseTensor: { dims: [2, 3], values: raw(values, 1), indices: raw(indices, 7) },
        },
      ]
      return model({ outputs: ['y'], nodes: [proto] })
    }
    const run = (indices: Tensor): number[] => toNumbers(evaluate(importModel(sparse(indices)).graph, {})['y']!)
    expect(run(i64(1, 3))).toEqual([0, 5, 0, 6, 0, 0])
    expect(run(tensorOf('i64', [2, 2], [0, 1, 1, 2]))).toEqual([0, 5, 0, 0, 0, 6])
    expect(() => run(i64(1, 6))).toThrow(/A102/)
  })
})

describe('shapes', () => {
  const x = iota(2, 3, 4)

  it('keep zeros if allowzero says so', () => {
    const empty = f32([0, 3], [])
    const reshape = (shape: Tensor, allowzero: number): OneNode => ({
      operator: 'Reshape',
      inputs: [empty, shape],
      constant: [1],
      attributes: { allowzero },
    })
    expect(result(reshape(i64(3, 0), 1)).shape).toEqual([3, 0])
    expect(result(reshape(i64(0, 3), 0)).shape).toEqual([0, 3])
    expect(codesOf(reshape(i64(0, -1), 1))).toEqual(['A205'])
  })

  it('that do not fit are diagnosed', () => {
    const reshape = (...shape: number[]): OneNode => ({
      operator: 'Reshape',
      inputs: [x, i64(...shape)],
      constant: [1],
    })
    expect(codesOf(reshape(5, 5))).toEqual(['A204'])
    expect(codesOf(reshape(7, -1))).toEqual(['A205'])
    expect(codesOf(reshape(-2, 12))).toEqual(['A205'])
    expect(codesOf({ operator: 'Squeeze', inputs: [x, i64(1)], constant: [1] })).toEqual(['A205'])
    expect(codesOf({ operator: 'Transpose', inputs: [x], attributes: { perm: [0, 0, 1] } })).toEqual(['A204'])
    expect(codesOf({ operator: 'Expand', inputs: [x, i64(5)], constant: [1] })).toEqual(['A205'])
  })

  it('take axes as attributes in old opsets', () => {
    expect(
      result({ operator: 'Unsqueeze', opset: 11, inputs: [f32([2], [1, 2])], attributes: { axes: [0, 2] } }).shape,
    ).toEqual([1, 2, 1])
    expect(result({ operator: 'Reshape', opset: 1, inputs: [x], attributes: { shape: [0, -1] } }).shape).toEqual([
      2, 12,
    ])
    expect(
      result({ operator: 'Slice', opset: 9, inputs: [f32([4], [1, 2, 3, 4])], attributes: { starts: [-3], ends: [9] } })
        .values,
    ).toEqual([2, 3, 4])
    expect(
      result({ operator: 'Tile', opset: 1, inputs: [f32([2], [1, 2]), i64(2), i64(0)], constant: [1, 2] }).values,
    ).toEqual([1, 2, 1, 2])
  })
})

describe('parts', () => {
  it('may be unequal from opset 18 on', () => {
    const split = (opset: number): OneNode => ({
      operator: 'Split',
      opset,
      inputs: [f32([5], [0, 1, 2, 3, 4])],
      attributes: opset >= 18 ? { num_outputs: 3 } : {},
      outputs: 3,
    })
    expect(runNode(split(18)).map(toNumbers)).toEqual([[0, 1], [2, 3], [4]])
    expect(codesOf(split(13))).toEqual(['A205'])
    expect(codesOf({ ...split(18), attributes: { num_outputs: 2 } })).toEqual(['A205'])
  })

  it('are sliced downwards, beyond either end', () => {
    const slice = (start: number, end: number, step: number): number[] =>
      result({
        operator: 'Slice',
        inputs: [f32([4], [0, 1, 2, 3]), i64(start), i64(end), i64(0), i64(step)],
        constant: [1, 2, 3, 4],
      }).values
    expect(slice(100, -100, -1)).toEqual([3, 2, 1, 0])
    expect(slice(-1, -4, -2)).toEqual([3, 1])
    // Downwards a start before the first element is the first.
    expect(slice(-100, -200, -1)).toEqual([0])
    expect(slice(2, 2 ** 62, 1)).toEqual([2, 3])
    expect(slice(3, 0, 1)).toEqual([])
    expect(
      codesOf({ operator: 'Slice', inputs: [f32([1], [0]), i64(0), i64(1), i64(0), i64(0)], constant: [1, 2, 3, 4] }),
    ).toEqual(['A205'])
  })

  it('are padded on some axes, by any mode, and cut by negative pads', () => {
    const pad = (mode: string, pads: number[], ...rest: Tensor[]): number[] =>
      result({
        operator: 'Pad',
        opset: 19,
        inputs: [f32([1, 3], [1, 2, 3]), i64(...pads), ...(rest.length > 0 ? [f32([], [9]), ...rest] : [])],
        constant: [1, 2, 3],
        attributes: { mode },
      }).values
    expect(pad('constant', [0, 1, 0, -1])).toEqual([0, 1, 2])
    expect(pad('constant', [1, 0], i64(-1))).toEqual([9, 1, 2, 3])
    expect(pad('wrap', [0, 2, 0, 4])).toEqual([2, 3, 1, 2, 3, 1, 2, 3, 1])
    expect(pad('reflect', [0, 3, 0, 1])).toEqual([2, 3, 2, 1, 2, 3, 2])
    expect(pad('edge', [0, 2, 0, -1])).toEqual([1, 1, 1, 2])
  })
})

describe('indices', () => {
  it('outside are diagnosed if they are known', () => {
    const gather = (...indices: number[]): OneNode => ({
      operator: 'Gather',
      inputs: [iota(3), i64(...indices)],
      constant: [1],
    })
    expect(codesOf(gather(0, 3))).toEqual(['A205'])
    expect(codesOf(gather(-4))).toEqual(['A205'])
    expect(result(gather(-1, 0, -3)).values).toEqual([2, 0, 0])
  })

  it('that are evenly spaced make a slice', () => {
    const { graph } = importModel(
      modelOf({ operator: 'Gather', inputs: [iota(2, 6), i64(-1, -3, -5)], constant: [1], attributes: { axis: 1 } }),
    )
    expect(nodesOf(graph).map(({ op }) => op)).toEqual(['input', 'slice'])
  })

  it('scatter with any reduction, along an axis where updates are fewer', () => {
    const scatter = (reduction: string): number[] =>
      result({
        operator: 'ScatterElements',
        opset: 18,
        inputs: [iota(2, 3), tensorOf('i64', [1, 3], [0, 0, -1]), f32([1, 3], [5, 2, -1])],
        attributes: { axis: 1, reduction },
      }).values
    expect(scatter('none')).toEqual([2, 1, -1, 3, 4, 5])
    expect(scatter('add')).toEqual([7, 1, 1, 3, 4, 5])
    expect(scatter('mul')).toEqual([0, 1, -2, 3, 4, 5])
    expect(scatter('max')).toEqual([5, 1, 2, 3, 4, 5])
    expect(scatter('min')).toEqual([0, 1, -1, 3, 4, 5])
  })

  it('of the largest elements prefer the first among equals', () => {
    const [values, places] = runNode({
      operator: 'TopK',
      inputs: [f32([5], [2, 7, 7, NaN, 2]), i64(4)],
      constant: [1],
      outputs: 2,
    })
    expect(toNumbers(values!)).toEqual([NaN, 7, 7, 2])
    expect(toNumbers(places!)).toEqual([3, 1, 2, 0])
  })

  it('one-hot count from the end and may lie outside', () => {
    const oneHot = {
      operator: 'OneHot',
      inputs: [i64(1, -1, 3, -4), tensorOf('i64', [], [3]), f32([2], [0, 1])],
      constant: [1],
      attributes: { axis: 0 },
    }
    expect(result(oneHot)).toEqual({ shape: [3, 4], values: [0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0] })
  })
})

describe('Einsum', () => {
  const run = (equation: string, ...inputs: Tensor[]): { shape: readonly number[]; values: number[] } =>
    result({ operator: 'Einsum', inputs, attributes: { equation } })

  it('multiplies three operands and sums labels of one alone', () => {
    expect(run('ij,jk,k->i', iota(2, 2), iota(2, 2), f32([2], [1, 10])).values).toEqual([32, 116])
    expect(run('ij,kj->k', f32([2, 1], [1, 2]), f32([2, 1], [5, 7])).values).toEqual([15, 21])
  })

  it('broadcasts under an ellipsis', () => {
    const { shape, values } = run('...ij,...j->...i', iota(2, 1, 2), f32([3, 1, 2], [1, 0, 0, 1, 1, 1]))
    expect(shape).toEqual([3, 2, 1])
    expect(values).toEqual([0, 2, 1, 3, 1, 5])
  })

  it('orders an implicit result by the alphabet', () => {
    expect(run('ba', iota(2, 3))).toEqual({ shape: [3, 2], values: [0, 3, 1, 4, 2, 5] })
    expect(run('ii', iota(3, 3)).values).toEqual([12])
    expect(run('a , ba', f32([2], [1, 2]), iota(3, 2))).toEqual({ shape: [3], values: [2, 8, 14] })
  })

  it('takes diagonals wherever they lie', () => {
    expect(run('iji->ji', iota(2, 3, 2))).toEqual({ shape: [3, 2], values: [0, 7, 2, 9, 4, 11] })
  })

  it.each(['ij->k', 'ij,jk->', 'ij->ijj', 'i,j->ij', 'i..j->ij', 'ijk->ij'])(
    'refuses %s for one matrix',
    (equation) => {
      expect(codesOf({ operator: 'Einsum', inputs: [iota(2, 2)], attributes: { equation } })).toEqual(['A205'])
    },
  )
})

describe('Resize', () => {
  const resize = (
    attributes: Record<string, string | number | number[]>,
    x: Tensor,
    scales: number[],
    sizes: number[] = [],
  ): { shape: readonly number[]; values: number[] } =>
    result({
      operator: 'Resize',
      opset: 19,
      inputs: [
        x,
        undefined,
        scales.length > 0 ? f32([scales.length], scales) : undefined,
        sizes.length > 0 ? i64(...sizes) : undefined,
      ],
      constant: [2, 3],
      attributes,
    })

  it('keeps the aspect ratio', () => {
    const image = iota(1, 1, 6, 4)
    const shape = (policy: string): readonly number[] =>
      resize({ axes: [2, 3], keep_aspect_ratio_policy: policy }, image, [], [9, 8]).shape
    expect(shape('stretch')).toEqual([1, 1, 9, 8])
    expect(shape('not_larger')).toEqual([1, 1, 9, 6])
    expect(shape('not_smaller')).toEqual([1, 1, 12, 8])
  })

  it('widens its kernel against aliasing', () => {
    // Half size by linear interpolation: weights 1/8, 3/8, 3/8, 1/8 of the four neighbours, the edge repeated.
    const { values } = resize({ mode: 'linear', antialias: 1 }, f32([4], [0, 8, 16, 24]), [0.5])
    expect(values).toEqual([5, 19])
  })

  it('repeats elements without a gather', () => {
    const { graph } = importModel(
      modelOf({
        operator: 'Resize',
        inputs: [iota(1, 2, 2, 2), undefined, f32([4], [1, 1, 2, 2])],
        constant: [2],
        attributes: { coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' },
      }),
    )
    expect(nodesOf(graph).map(({ op }) => op)).not.toContain('gather')
    expect(graph.outputs[0]!.value.type.shape).toEqual([1, 2, 4, 4])
    expect(
      resize({ coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }, f32([2, 1], [3, 4]), [2, 2])
        .values,
    ).toEqual([3, 3, 3, 3, 4, 4, 4, 4])
  })

  it('is centred if it should be', () => {
    // 5 × 0.5 is 2 elements of 2.5: the offset of a quarter element is shared by both ends.
    const half = (mode: string): number[] =>
      resize({ mode: 'linear', coordinate_transformation_mode: mode }, iota(5), [0.5]).values
    expect(half('half_pixel')).toEqual([0.5, 2.5])
    expect(half('half_pixel_symmetric')).toEqual([1, 3])
  })

  it('computes integers in f32', () => {
    const bytes = runNode({
      operator: 'Resize',
      inputs: [tensorOf('u8', [2], [0, 200]), undefined, f32([1], [2])],
      constant: [2],
      attributes: { mode: 'linear' },
    })
    expect([bytes[0]!.dtype, toNumbers(bytes[0]!)]).toEqual(['u8', [0, 50, 150, 200]])
  })
})

describe('data-dependent results', () => {
  it('are computed of constants', () => {
    const nonZero: OneNode = { operator: 'NonZero', inputs: [f32([2, 2], [1, 0, 0, NaN])], constant: [0] }
    expect(result(nonZero)).toEqual({ shape: [2, 2], values: [0, 1, 0, 1] })
    const compress: OneNode = {
      operator: 'Compress',
      inputs: [iota(2, 3), tensorOf('bool', [2], [0, 1])],
      constant: [1],
      attributes: { axis: 1 },
    }
    expect(result(compress)).toEqual({ shape: [2, 1], values: [1, 4] })
  })
})

it('dropout is the identity, with a mask of ones', () => {
  const [y, mask] = runNode({ operator: 'Dropout', opset: 13, inputs: [iota(2)], outputs: 2 })
  expect([toNumbers(y!), mask!.dtype, toNumbers(mask!)]).toEqual([[0, 1], 'bool', [1, 1]])
})
