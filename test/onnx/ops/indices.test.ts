import { describe, expect, it } from 'vitest'
import { evaluate } from '../../../compiler/core/evaluate.ts'
import { tensorOf, toNumbers, type Tensor } from '../../../compiler/core/tensor.ts'
import { importModel } from '../../../compiler/onnx/import.ts'
import { compile } from '../../../compiler/pipeline.ts'
import { runModule } from '../../support/run-graph.ts'
import { feeds, modelOf, runNode, type OneNode } from '../one-node.ts'

const far = [2n ** 32n, 2n ** 32n + 1n, -(2n ** 32n), 2n ** 63n - 1n, -(2n ** 63n), 2n ** 31n] as const
const x = tensorOf('f32', [4], [10, 20, 30, 40])
const grid = tensorOf('f32', [4, 1], [10, 20, 30, 40])

/** What evaluator and module give alike. */
async function both(node: OneNode): Promise<number[]> {
  const bytes = modelOf(node)
  const { graph } = importModel(bytes)
  const expected = toNumbers(evaluate(graph, feeds(node))['o0']!)
  const { modules, spec } = await compile(bytes, { targets: ['simd'] })
  expect(toNumbers(runModule(modules.simd!, spec, feeds(node))['o0']!)).toEqual(expected)
  return expected
}

describe('indices beyond 32 bits, known when the model runs,', () => {
  const indices = (...shape: number[]): Tensor => tensorOf('i64', shape, far)
  const ends = [40, 40, 10, 40, 10, 40]

  it('are clamped by value', async () => {
    expect(await both({ operator: 'Gather', inputs: [x, indices(6)] })).toEqual(ends)
    expect(await both({ operator: 'GatherElements', inputs: [x, indices(6)] })).toEqual(ends)
    expect(await both({ operator: 'GatherND', inputs: [x, indices(6, 1)] })).toEqual(ends)
  })

  it('are left out where something would be put there', async () => {
    const updates = tensorOf('f32', [6], [1, 2, 3, 4, 5, 6])
    expect(await both({ operator: 'ScatterElements', inputs: [x, indices(6), updates] })).toEqual(toNumbers(x))
    const inputs = [grid, indices(6, 1), tensorOf('f32', [6, 1], [1, 2, 3, 4, 5, 6])]
    expect(await both({ operator: 'ScatterND', inputs })).toEqual(toNumbers(x))
  })

  it('are no place of a one-hot vector', async () => {
    const values = tensorOf('f32', [2], [0, 1])
    const inputs = [indices(6), tensorOf('i64', [], [2n]), values]
    expect(await both({ operator: 'OneHot', inputs, constant: [1] })).toEqual(new Array<number>(12).fill(0))
    const unsigned = [tensorOf('u64', [2], [2n ** 64n - 1n, 1n]), tensorOf('i64', [], [2n]), values]
    expect(await both({ operator: 'OneHot', inputs: unsigned, constant: [1] })).toEqual([0, 0, 0, 1])
  })

  it('choose no picture but the first or last', async () => {
    const boxes = tensorOf('f32', [2, 4], [0, 0, 1, 1, 0, 0, 1, 1])
    const pictures = tensorOf('f32', [2, 1, 1, 1], [5, 7])
    const inputs = [pictures, boxes, tensorOf('i64', [2], [2n ** 32n, -(2n ** 32n)])]
    expect(await both({ operator: 'RoiAlign', opset: 16, inputs, constant: [1] })).toEqual([7, 5])
  })
})

describe('indices that are constants', () => {
  it.each([
    ['Slice to the end', [0n, 2n ** 63n - 1n, 0n, 1n], [10, 20, 30, 40]],
    ['Slice backwards', [2n ** 63n - 1n, -(2n ** 63n), 0n, -1n], [40, 30, 20, 10]],
    ['Slice from beyond 32 bits', [2n ** 32n, 2n ** 63n - 1n, 0n, 1n], []],
    ['Slice by a step beyond 32 bits', [1n, 2n ** 63n - 1n, 0n, 2n ** 32n], [20]],
  ])('%s', (_, [start, end, axis, step], expected) => {
    const inputs = [x, ...[start!, end!, axis!, step!].map((v) => tensorOf('i64', [1], [v]))]
    expect(toNumbers(runNode({ operator: 'Slice', inputs, constant: [1, 2, 3, 4] })[0]!)).toEqual(expected)
  })

  it.each(far.map(String))('%s is refused', (text) => {
    const index = tensorOf('i64', [1, 1], [BigInt(text)])
    const flat = { ...index, shape: [1] }
    const one = tensorOf('f32', [1], [1])
    const refused: OneNode[] = [
      { operator: 'Gather', inputs: [x, flat], constant: [1] },
      { operator: 'GatherElements', inputs: [x, flat], constant: [1] },
      { operator: 'GatherND', inputs: [x, index], constant: [1] },
      { operator: 'ScatterElements', inputs: [x, flat, one], constant: [1] },
      { operator: 'ScatterND', inputs: [x, index, one], constant: [1] },
      { operator: 'TopK', inputs: [x, flat], constant: [1], outputs: 2 },
    ]
    for (const node of refused) expect(() => runNode(node), node.operator).toThrow('A205')
    const pads = tensorOf('i64', [2], [0n, BigInt(text)])
    expect(() => runNode({ operator: 'Pad', inputs: [x, pads], constant: [1] })).toThrow(/A205|A301/)
  })
})

describe('operands that do not fit', () => {
  const data = tensorOf('f32', [4, 3], new Float32Array(12))
  const at = tensorOf('i64', [2, 1], [0n, 1n])
  const f32 = (...shape: number[]): Tensor => tensorOf('f32', shape, new Float32Array(shape.reduce((a, b) => a * b, 1)))
  const i64 = (...shape: number[]): Tensor =>
    tensorOf('i64', shape, new BigInt64Array(shape.reduce((a, b) => a * b, 1)))

  it.each<[string, readonly Tensor[], Record<string, number>?]>([
    ['ScatterND', [data, at, f32(2, 2)]],
    ['ScatterND', [data, at, f32(2, 4)]],
    ['ScatterND', [data, at, f32(3, 3)]],
    ['ScatterND', [data, at, f32(2)]],
    ['ScatterElements', [data, i64(2, 2), f32(2, 3)]],
    ['ScatterElements', [data, i64(2, 2), f32(4)]],
    ['ScatterElements', [data, i64(2, 4), f32(2, 4)]],
    ['GatherElements', [data, i64(2)]],
    ['GatherElements', [data, i64(2, 4)]],
    ['GatherND', [data, i64(5, 1), ...[]], { batch_dims: 1 }],
    ['GatherND', [data, i64(2, 3)]],
    ['BatchNormalization', [f32(1, 1, 2, 2), f32(3), f32(3), f32(3), f32(3)]],
    ['InstanceNormalization', [f32(1, 1, 2, 2), f32(3), f32(3)]],
    ['LayerNormalization', [f32(2, 1), f32(3), f32(3)]],
    ['PRelu', [f32(1, 3), f32(2, 3)]],
    ['Clip', [f32(3), f32(2, 3)]],
    ['DequantizeLinear', [tensorOf('u8', [1, 2], [1, 2]), f32(3, 1)]],
  ])('%s refuses them', (operator, inputs, attributes = {}) => {
    expect(() => runNode({ operator, inputs, attributes })).toThrow(/A20[345]/)
  })
})
