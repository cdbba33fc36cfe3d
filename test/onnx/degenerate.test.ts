import { describe, expect, it } from 'vitest'
import { CompileError } from '../../compiler/core/diagnostics/diagnostic.ts'
import type { DType } from '../../compiler/core/scalar/dtype.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { broadcastShapes, elementCount } from '../../compiler/core/shape.ts'
import { formatType, tensorOf, type Tensor } from '../../compiler/core/tensor.ts'
import { verify } from '../../compiler/core/verify.ts'
import { importModel } from '../../compiler/onnx/import.ts'
import { runPasses } from '../../compiler/passes/index.ts'
import { compile } from '../../compiler/pipeline.ts'
import { expectClose, runModule } from '../support/run-graph.ts'
import { model, node, stored, type AttributeValue } from './build.ts'
import { feeds, modelOf, runNode, type OneNode } from './one-node.ts'

/** What folds must keep the type that it had. */
const filled = (dtype: DType, shape: readonly number[], value: number): Tensor =>
  tensorOf(dtype, shape, new Array<number>(elementCount(shape)).fill(value))

const counted = (dtype: DType, shape: readonly number[]): Tensor =>
  tensorOf(
    dtype,
    shape,
    Array.from({ length: elementCount(shape) }, (_, i) =>
      dtype === 'bool' ? i % 2 : (i % 5) - (dtype === 'f32' ? 2 : 0),
    ),
  )

/** Result types and tensors, before the passes and after. */
function results(one: OneNode): { types: string[]; tensors: Tensor[] } {
  const { graph } = importModel(modelOf(one))
  const optimized = runPasses(graph)
  verify(optimized)
  const padded = graph.outputs.map(({ value }) => formatType(value.type))
  expect(optimized.outputs.map(({ value }) => formatType(value.type))).toEqual(padded)
  const [before, after] = [graph, optimized].map((g) => Object.values(evaluate(g, feeds(one))))
  // Of a size that depends on data, the type is that of the result.
  const types = before!.map((tensor, i) => (graph.outputs[i]!.extents ? formatType(tensor) : padded[i]!))
  before!.forEach((tensor, i) => {
    expect(formatType(tensor)).toBe(types[i])
    expect(formatType(after![i]!)).toBe(types[i])
    expectClose(after![i]!, tensor)
  })
  return { types, tensors: before! }
}

/** Types and values are the same whichever of the operands are known at compile time; undefined where the operator does not take them. */
function sameEitherWay(one: OneNode): string[] | undefined {
  const given = one.inputs.map((_, i) => i)
  const some: number[][] = [[], ...given.slice(1).map((i) => [i]), given]
  const all = some.map((constant) => {
    try {
      return results({ ...one, constant })
    } catch (error) {
      if (error instanceof CompileError && !error.diagnostics.some(({ code }) => code === 'A601')) return undefined
      throw error
    }
  })
  const [first] = all.filter((r) => r !== undefined)
  for (const result of all) {
    if (!result || !first) continue
    expect(result.types).toEqual(first.types)
    result.tensors.forEach((tensor, i) => expectClose(tensor, first.tensors[i]!))
  }
  return first?.types
}

const shapes = [[], [1], [3], [2, 3], [1, 3], [2, 1], [0], [0, 3]]
const broadcasting: Readonly<Record<string, readonly DType[]>> = {
  ...Object.fromEntries(['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Max', 'Min', 'Mean', 'Sum'].map((op) => [op, ['f32']])),
  ...Object.fromEntries(['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Mod'].map((op) => [op, ['f32', 'i32']])),
  ...Object.fromEntries(['BitwiseAnd', 'BitwiseOr', 'BitwiseXor'].map((op) => [op, ['i32']])),
  ...Object.fromEntries(['And', 'Or', 'Xor'].map((op) => [op, ['bool']])),
  ...Object.fromEntries(
    ['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'].map((op) => [op, ['f32', 'i32']]),
  ),
}

describe('operators that broadcast have the shape of all operands', () => {
  it.each(Object.entries(broadcasting))('%s', (operator, dtypes) => {
    for (const dtype of dtypes)
      for (const a of shapes)
        for (const b of shapes)
          for (const value of dtype === 'bool' ? [0, 1] : [0, 1, -1, 2]) {
            if (value !== 0 && a.length !== 2) continue
            // Integers are divided by 0 in no two systems alike.
            if (value === 0 && dtype === 'i32' && ['Div', 'Mod'].includes(operator)) continue
            const attributes: Record<string, AttributeValue> = operator === 'Mod' && dtype === 'f32' ? { fmod: 1 } : {}
            const inputs = [counted(dtype, a), filled(dtype, b, value)]
            const types = sameEitherWay({ operator, opset: 18, inputs, attributes })
            const shape = broadcastShapes([a, b])
            expect([a, b, types?.map((t) => t.slice(t.indexOf('[')))]).toEqual([
              a,
              b,
              shape && [`[${shape.join(',')}]`],
            ])
          }
  })

  it('Where', () => {
    for (const condition of shapes)
      for (const value of [0, 1])
        for (const a of shapes) {
          const inputs = [filled('bool', condition, value), counted('f32', a), counted('f32', [2, 3])]
          const shape = broadcastShapes([condition, a, [2, 3]])
          expect(sameEitherWay({ operator: 'Where', inputs })).toEqual(shape && [`f32[${shape.join(',')}]`])
        }
  })
})

const bounds = [filled('f32', [], 0), filled('f32', [], 0)]
const axes = (...list: number[]): Tensor => tensorOf('i64', [list.length], list)
const unary = ['Relu', 'Abs', 'Neg', 'Sigmoid', 'Tanh', 'Sign', 'Softsign', 'HardSigmoid', 'LeakyRelu', 'Elu', 'Selu']

describe('operators keep their types where what they read is known', () => {
  it.each<[string, (x: Tensor) => Omit<OneNode, 'operator'>]>([
    ...unary.map((op) => [op, (x: Tensor) => ({ inputs: [x] })] as [string, (x: Tensor) => Omit<OneNode, 'operator'>]),
    ['Softmax', (x) => ({ inputs: [x] })],
    ['Clip', (x) => ({ inputs: [x, ...bounds] })],
    ['PRelu', (x) => ({ inputs: [x, filled('f32', [1], 0)] })],
    ['Expand', (x) => ({ inputs: [x, axes(2, 2, 3)] })],
    ['Tile', (x) => ({ inputs: [x, axes(...x.shape.map(() => 0))] })],
    ['Tile', (x) => ({ inputs: [x, axes(...x.shape.map(() => 1))] })],
    ['ReduceSum', (x) => ({ inputs: [x, axes()], attributes: { noop_with_empty_axes: 1 } })],
    ['ReduceSum', (x) => ({ inputs: [x, axes(0)], attributes: { keepdims: 0 } })],
    ['ReduceMax', (x) => ({ inputs: [x], opset: 18 })],
    ['ReduceMean', (x) => ({ inputs: [x, axes(-1)], opset: 18 })],
    ['Concat', (x) => ({ inputs: [x, x], attributes: { axis: 0 } })],
    ['Concat', (x) => ({ inputs: [x], attributes: { axis: 0 } })],
    ['Pad', (x) => ({ inputs: [x, axes(...x.shape.map(() => 0), ...x.shape.map(() => 1))] })],
    ['Slice', (x) => ({ inputs: [x, axes(0), axes(0), axes(0)] })],
    ['Transpose', (x) => ({ inputs: [x] })],
    ['CumSum', (x) => ({ inputs: [x, tensorOf('i64', [], [0])] })],
    ['Unsqueeze', (x) => ({ inputs: [x, axes(0)] })],
    ['MatMul', (x) => ({ inputs: [x, filled('f32', [x.shape.at(-1) ?? 1, 2], 0)] })],
    [
      'Gemm',
      (x) => ({
        inputs: [x, filled('f32', [x.shape[1] ?? 1, 2], 0), filled('f32', [], 0)],
        attributes: { alpha: { float: 0 } },
      }),
    ],
    ['QuantizeLinear', (x) => ({ inputs: [x, filled('f32', [], 1), filled('u8', [], 0)] })],
    ['OneHot', (x) => ({ inputs: [x, axes(3), tensorOf('f32', [2], [0, 0])] })],
    ['Dropout', (x) => ({ inputs: [x] })],
    ['Cast', (x) => ({ inputs: [x], attributes: { to: 6 } })],
  ])('%s', (operator, make) => {
    const taken = shapes.flatMap((shape) =>
      [0, 1, -1].map((v) => sameEitherWay({ operator, ...make(filled('f32', shape, v)) })),
    )
    expect(taken.some((types) => types !== undefined)).toBe(true)
  })
})

describe('Pow by a constant 0', () => {
  it.each<[DType, number[], number[], number[]]>([
    ['f32', [2, 3], [], [2, 3]],
    ['i32', [2, 3], [1], [2, 3]],
    ['f32', [3], [2, 1], [2, 3]],
    ['f32', [], [2, 3], [2, 3]],
    ['f32', [0, 3], [], [0, 3]],
  ])('of %s[%j] and exponents [%j] is ones of [%j]', (dtype, base, exponent, shape) => {
    const inputs = [counted(dtype, base), filled('f32', exponent, 0)]
    expect(runNode({ operator: 'Pow', inputs, constant: [1] })).toEqual([filled(dtype, shape, 1)])
  })

  it.each([
    ['Concat', 'y = Concat(p, x)', [4, 3]],
    ['a sum', 'y = ReduceSum(p)', [1, 1]],
    ['a broadcast', 'y = Add(p, row)', [2, 3]],
    ['a product', 'y = MatMul(p, square)', [2, 3]],
  ])('is read by %s', async (_, text, shape) => {
    const bytes = model({
      inputs: ['x f32[2,3]'],
      outputs: ['y'],
      nodes: ['p = Pow(x, zero)', node(text, { attributes: text.includes('Concat') ? { axis: 0 } : {} })],
      initializers: [
        stored('zero', filled('f32', [], 0)),
        stored('row', tensorOf('f32', [3], [1, 2, 3])),
        stored('square', counted('f32', [3, 3])),
      ],
    })
    const x = counted('f32', [2, 3])
    const expected = evaluate(importModel(bytes).graph, { x })['y']!
    expect(expected.shape).toEqual(shape)
    const { modules, spec } = await compile(bytes, { targets: ['simd'] })
    expect(runModule(modules.simd!, spec, { x })['y']).toEqual(expected)
  })
})
