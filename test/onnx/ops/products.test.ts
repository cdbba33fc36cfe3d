import { describe, expect, it } from 'vitest'
import { CompileError } from '../../../compiler/core/diagnostics/diagnostic.ts'
import { nodesOf } from '../../../compiler/core/graph.ts'
import { elementCount } from '../../../compiler/core/shape.ts'
import { tensorOf, toNumbers, type Tensor } from '../../../compiler/core/tensor.ts'
import { importModel } from '../../../compiler/onnx/import.ts'
import { modelOf, runNode, type OneNode } from '../one-node.ts'

const f32 = (values: number[], shape = [values.length]): Tensor => tensorOf('f32', shape, values)
const counting = (...shape: number[]): Tensor =>
  f32(
    Array.from({ length: elementCount(shape) }, (_, i) => i),
    shape,
  )
const result = (node: OneNode): number[] => toNumbers(runNode(node)[0]!)

describe('MatMul', () => {
  /** NumPy's matmul by its definition, for operands of rank 2 at least. */
  function plain(a: Tensor, b: Tensor, batch: number[], m: number, k: number, n: number): number[] {
    const [x, y] = [toNumbers(a), toNumbers(b)]
    const offsetOf = (t: Tensor, index: number[]): number => {
      const own = t.shape.slice(0, -2)
      const at = own.map((d, i) => (d === 1 ? 0 : index[index.length - own.length + i]!))
      return at.reduce((sum, position, i) => sum * own[i]! + position, 0) * t.shape.at(-1)! * t.shape.at(-2)!
    }
    return Array.from({ length: elementCount(batch) * m * n }, (_, flat) => {
      const [column, row] = [flat % n, Math.floor(flat / n) % m]
      let rest = Math.floor(flat / (n * m))
      const index = [...batch].reverse().map((d) => {
        const at = rest % d
        rest = Math.floor(rest / d)
        return at
      })
      const [from, to] = [offsetOf(a, index.reverse()), offsetOf(b, index)]
      return Array.from({ length: k }, (_, i) => x[from + row * k + i]! * y[to + i * n + column]!).reduce(
        (p, q) => p + q,
        0,
      )
    })
  }

  it.each([
    [[2, 3], [3, 4], []],
    [[2, 2, 3], [3, 4], [2]],
    [[2, 3], [5, 3, 4], [5]],
    [
      [2, 1, 2, 3],
      [5, 3, 4],
      [2, 5],
    ],
    [[1, 2, 3], [5, 3, 4], [5]],
    [
      [2, 1, 2, 3],
      [1, 5, 3, 4],
      [2, 5],
    ],
    [
      [2, 5, 2, 3],
      [2, 1, 3, 4],
      [2, 5],
    ],
  ])('broadcasts %j by %j without repeating either', (left, right, batch) => {
    const [a, b] = [counting(...left), counting(...right)]
    const node = { operator: 'MatMul', inputs: [a, b] }
    const [product] = runNode(node)
    expect(product!.shape).toEqual([...batch, 2, 4])
    expect(toNumbers(product!)).toEqual(plain(a, b, batch, 2, 3, 4))
    const { graph } = importModel(modelOf(node))
    expect(nodesOf(graph).some((n) => n.op === 'broadcast_in_dim')).toBe(false)
  })

  it('takes vectors as a row or a column', () => {
    const v = f32([1, 10])
    const m = f32([1, 2, 3, 4], [2, 2])
    expect(runNode({ operator: 'MatMul', inputs: [v, v] })[0]).toMatchObject({
      shape: [],
      data: new Float32Array([101]),
    })
    expect(result({ operator: 'MatMul', inputs: [v, m] })).toEqual([31, 42])
    expect(result({ operator: 'MatMul', inputs: [m, v] })).toEqual([21, 43])
  })

  it('refuses shapes that do not match', () => {
    expect(() => result({ operator: 'MatMul', inputs: [counting(2, 3), counting(2, 3)] })).toThrow(/A204/)
    expect(() => result({ operator: 'MatMul', inputs: [counting(2, 2, 3), counting(3, 3, 2)] })).toThrow(/A204/)
    expect(() => result({ operator: 'MatMul', inputs: [f32([1], []), counting(1)] })).toThrow(CompileError)
  })
})

describe('Gemm', () => {
  const [a, b] = [f32([1, 2, 3, 4], [2, 2]), f32([1, 0, 1, 1], [2, 2])]

  it('transposes, scales and adds a broadcast bias', () => {
    const attributes = { transA: 1, alpha: { float: 2 }, beta: { float: 3 } }
    // Aᵀ B = [[4 3] [6 4]].
    expect(result({ operator: 'Gemm', inputs: [a, b, f32([1, 2])], attributes })).toEqual([11, 12, 15, 14])
    expect(result({ operator: 'Gemm', inputs: [a, b], attributes: { transB: 1 } })).toEqual([1, 3, 3, 7])
  })

  it('has no bias where beta is 0', () => {
    const inputs = [a, b, f32([NaN])]
    expect(result({ operator: 'Gemm', inputs, attributes: { beta: { float: 0 } } })).toEqual([3, 2, 7, 4])
  })
})

describe('normalizations', () => {
  it('of batches touch the input with one map', () => {
    const x = f32([1, 2, 3, 4], [1, 2, 2])
    const parameters = [f32([2, 1]), f32([0, 10]), f32([1, 3]), f32([3, 0])]
    const attributes = { epsilon: { float: 1 } }
    const node = { operator: 'BatchNormalization', inputs: [x, ...parameters], constant: [1, 2, 3, 4], attributes }
    expect(result(node)).toEqual([0, 1, 10, 11])
    const { graph } = importModel(modelOf(node))
    const readers = nodesOf(graph).filter((n) => n.operands.some((o) => o.node.op === 'input'))
    expect(readers.map((n) => n.op)).toEqual(['map'])
    expect(graph.outputs[0]!.value.node).toBe(readers[0])
  })

  it('of batches before opset 9 may have parameters for each element', () => {
    const x = f32([1, 2, 3, 4], [2, 1, 2])
    const each = (values: number[]): Tensor => f32(values, [1, 2])
    const inputs = [x, each([1, 10]), each([0, 1]), each([1, 2]), each([0, 0])]
    const attributes = { spatial: 0, epsilon: { float: 1 } }
    expect(result({ operator: 'BatchNormalization', opset: 7, inputs, attributes })).toEqual([0, 1, 2, 21])
  })

  it('of groups scale by group before opset 21 and by channel after', () => {
    const x = f32([-1, 1, -2, 2], [1, 4, 1])
    const attributes = { num_groups: 2, epsilon: { float: 0 } }
    const byGroup = { operator: 'GroupNormalization', opset: 18, inputs: [x, f32([1, 2]), f32([0, 1])], attributes }
    expect(result(byGroup)).toEqual([-1, 1, -1, 3])
    const byChannel = { ...byGroup, opset: 21, inputs: [x, f32([1, 2, 3, 4]), f32([0, 0, 0, 1])] }
    expect(result(byChannel)).toEqual([-1, 2, -3, 5])
  })

  it('of layers give statistics in f32 for f16', () => {
    const x = tensorOf('f16', [1, 2], [1, 3])
    const scale = tensorOf('f16', [2], [1, 2])
    const attributes = { epsilon: { float: 0 } }
    const outputs = runNode({ operator: 'LayerNormalization', inputs: [x, scale], attributes, outputs: 3 })
    expect(outputs.map((t) => t.dtype)).toEqual(['f16', 'f32', 'f32'])
    expect(outputs.map(toNumbers)).toEqual([[-1, 2], [2], [1]])
  })
})
