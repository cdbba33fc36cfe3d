import { describe, expect, it } from 'vitest'
import { nodesOf } from '../../../compiler/core/graph.ts'
import { tensorOf, toNumbers, type Tensor } from '../../../compiler/core/tensor.ts'
import { importModel } from '../../../compiler/onnx/import.ts'
import { modelOf, runNode, type OneNode } from '../one-node.ts'

const f32 = (values: number[], shape = [values.length]): Tensor => tensorOf('f32', shape, values)
const i64 = (values: number[]): Tensor => tensorOf('i64', [values.length], values)
const result = (node: OneNode): number[] => toNumbers(runNode(node)[0]!)
const rounded = (values: number[], digits = 4): number[] => values.map((v) => Number(v.toFixed(digits)))

describe('reductions', () => {
  const x = f32([1, 2, 3, 4], [2, 2])

  it('take axes from an attribute, later from an input', () => {
    expect(result({ operator: 'ReduceSum', opset: 11, inputs: [x], attributes: { axes: [-1] } })).toEqual([3, 7])
    expect(result({ operator: 'ReduceSum', opset: 13, inputs: [x, i64([0])], constant: [1] })).toEqual([4, 6])
    expect(result({ operator: 'ReduceMax', opset: 13, inputs: [x], attributes: { axes: [0] } })).toEqual([3, 4])
    expect(result({ operator: 'ReduceMax', opset: 18, inputs: [x, i64([0])], constant: [1] })).toEqual([3, 4])
    const flat = runNode({ operator: 'ReduceSum', inputs: [x], attributes: { keepdims: 0 } })[0]!
    expect(flat).toMatchObject({ shape: [] })
    expect(toNumbers(flat)).toEqual([10])
  })

  it('still apply their functions to each element where there are no axes to reduce', () => {
    const attributes = { noop_with_empty_axes: 1 }
    expect(result({ operator: 'ReduceSum', inputs: [x], attributes })).toEqual([1, 2, 3, 4])
    expect(result({ operator: 'ReduceSumSquare', opset: 18, inputs: [x], attributes })).toEqual([1, 4, 9, 16])
    expect(result({ operator: 'ReduceL1', opset: 18, inputs: [f32([-1])], attributes })).toEqual([1])
  })

  it('give identities over no elements', () => {
    const inputs = [f32([], [1, 0]), i64([1])]
    const over = (operator: string): number[] => result({ operator, opset: 20, inputs, constant: [1] })
    expect(over('ReduceSum')).toEqual([0])
    expect(over('ReduceProd')).toEqual([1])
    expect(over('ReduceMax')).toEqual([-Infinity])
    expect(over('ReduceMin')).toEqual([Infinity])
    expect(over('ReduceLogSum')).toEqual([-Infinity])
    expect(over('ReduceLogSumExp')).toEqual([-Infinity])
  })

  it('sum exponentials without overflow', () => {
    const rows = f32([1000, 1000, -Infinity, -Infinity, Infinity, 0], [3, 2])
    const sums = result({ operator: 'ReduceLogSumExp', opset: 18, inputs: [rows, i64([1])], constant: [1] })
    expect(sums[0]).toBeCloseTo(1000 + Math.LN2, 3)
    expect(sums.slice(1)).toEqual([-Infinity, Infinity])
  })

  it('divide integer means as integers do', () => {
    expect(result({ operator: 'ReduceMean', inputs: [tensorOf('i32', [3], [1, 2, 5])] })).toEqual([2])
  })
})

describe('softmax', () => {
  const x = f32([0, 0, 0, 0, Math.log(3), 0, 0, 0], [2, 2, 2])

  it('is over one axis from opset 13 on', () => {
    expect(rounded(result({ operator: 'Softmax', opset: 13, inputs: [x] }))).toEqual([
      0.5, 0.5, 0.5, 0.5, 0.75, 0.25, 0.5, 0.5,
    ])
  })

  it('is over all axes from `axis` on before', () => {
    const sixths = [1, 1, 1, 1].map((v) => v / 4)
    expect(rounded(result({ operator: 'Softmax', opset: 11, inputs: [x] }))).toEqual([
      ...sixths,
      ...[3, 1, 1, 1].map((v) => rounded([v / 6])[0]),
    ])
    const last = result({ operator: 'Softmax', opset: 11, inputs: [x], attributes: { axis: 2 } })
    expect(rounded(last.slice(4))).toEqual([0.75, 0.25, 0.5, 0.5])
  })

  it('is stable, also its logarithm', () => {
    expect(rounded(result({ operator: 'Softmax', opset: 13, inputs: [f32([1e4, 1e4 - Math.log(3)])] }), 3)).toEqual([
      0.75, 0.25,
    ])
    expect(result({ operator: 'LogSoftmax', opset: 13, inputs: [f32([0, -1000])] })).toEqual([0, -1000])
  })

  it('is two reductions and two maps', () => {
    const { graph } = importModel(modelOf({ operator: 'Softmax', opset: 13, inputs: [x] }))
    const ops = nodesOf(graph).map((n) => n.op)
    expect(ops.filter((op) => op === 'reduce')).toHaveLength(2)
    expect(ops.filter((op) => op === 'map')).toHaveLength(3)
  })
})

describe('losses', () => {
  const logits = f32([0, 0, 0, 0], [2, 2])

  it('leave ignored targets out of the mean', () => {
    const node = {
      operator: 'SoftmaxCrossEntropyLoss',
      opset: 13,
      inputs: [logits, i64([1, -100])],
      attributes: { ignore_index: -100 },
      outputs: 2,
    }
    const [loss, logProbabilities] = runNode(node)
    expect(toNumbers(loss!)[0]).toBeCloseTo(Math.LN2, 5)
    expect(rounded(toNumbers(logProbabilities!))).toEqual(rounded([-Math.LN2, -Math.LN2, -Math.LN2, -Math.LN2]))
  })

  it('weigh classes', () => {
    const inputs = [f32([-1, -2, -3, -4], [2, 2]), i64([0, 1]), f32([1, 3])]
    const loss = (reduction: string): number[] =>
      result({ operator: 'NegativeLogLikelihoodLoss', opset: 13, inputs, attributes: { reduction } })
    expect(loss('none')).toEqual([1, 12])
    expect(loss('sum')).toEqual([13])
    expect(loss('mean')).toEqual([3.25])
  })
})

it('computes determinants with pivoting', () => {
  expect(result({ operator: 'Det', inputs: [f32([0, 1, 2, 3, 0, 1, 0, 0, 4], [3, 3])] })).toEqual([-12])
  expect(result({ operator: 'Det', inputs: [f32([1, 2, 2, 4, 2, 0, 0, 3], [2, 2, 2])] })).toEqual([-0, 6])
})
