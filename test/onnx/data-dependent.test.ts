import { describe, expect, it } from 'vitest'
import { CompileError } from '../../compiler/core/diagnostics/diagnostic.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { scalarTensor, tensorOf, toNumbers, type Tensor } from '../../compiler/core/tensor.ts'
import { verify } from '../../compiler/core/verify.ts'
import { importModel } from '../../compiler/onnx/import.ts'
import { declarations } from '../../compiler/package/declarations.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { localInstance } from '../../compiler/verify/index.ts'
import { expectClose } from '../support/run-graph.ts'
import { graph as graphProto, model, node, stored, type GraphText } from './build.ts'

const f32 = (shape: number[], values: number[]): Tensor => tensorOf('f32', shape, values)
const opset = (version: number) => ({ opsetImport: [{ domain: '', version }] })

/** Shapes and elements of the outputs, the same under the evaluator and in the second run of a module. */
async function run(
  text: GraphText,
  inputs: Record<string, Tensor>,
  version = 17,
): Promise<{ shape: readonly number[]; values: number[] }[]> {
  const { graph } = importModel(model(text, opset(version)))
  verify(graph)
  const expected = evaluate(graph, inputs)
  const { modules, spec } = await compileGraph(graph, { targets: ['simd'] })
  const instance = localInstance()
  await instance.load(modules.simd!, spec)
  await instance.run(inputs)
  const actual = await instance.run(inputs)
  expect(Object.keys(actual)).toEqual(text.outputs)
  for (const name of text.outputs) expectClose(actual[name]!, expected[name]!)
  return text.outputs.map((name) => ({ shape: actual[name]!.shape, values: toNumbers(actual[name]!) }))
}

function codesOf(text: GraphText): string[] {
  try {
    importModel(model(text))
    return []
  } catch (error) {
    if (error instanceof CompileError) return error.diagnostics.map((d) => d.code)
    throw error
  }
}

describe('results of data-dependent length', () => {
  it('NonZero: coordinates, their rows moved together', async () => {
    const text = { inputs: ['x f32[2,3]'], outputs: ['y'], nodes: ['y = NonZero(x)'] }
    expect(await run(text, { x: f32([2, 3], [0, 5, 0, NaN, 0, -1]) })).toEqual([
      { shape: [2, 3], values: [0, 1, 1, 1, 0, 2] },
    ])
    expect(await run(text, { x: f32([2, 3], [0, 0, 0, 0, 0, 0]) })).toEqual([{ shape: [2, 0], values: [] }])
    expect((await run(text, { x: f32([2, 3], [1, 1, 1, 1, 1, 1]) }))[0]!.shape).toEqual([2, 6])
  })

  it('Compress: slices along an axis, or elements', async () => {
    const text = (axis: number | undefined): GraphText => ({
      inputs: ['x f32[2,3]', 'c bool[2]'],
      outputs: ['y'],
      nodes: [node('y = Compress(x, c)', { attributes: axis === undefined ? {} : { axis } })],
    })
    const inputs = { x: f32([2, 3], [1, 2, 3, 4, 5, 6]), c: tensorOf('bool', [2], [0, 1]) }
    expect(await run(text(1), inputs)).toEqual([{ shape: [2, 1], values: [2, 5] }])
    expect(await run(text(0), inputs)).toEqual([{ shape: [1, 3], values: [4, 5, 6] }])
    expect(await run(text(undefined), inputs)).toEqual([{ shape: [1], values: [2] }])
  })

  it('Unique: elements in ascending order, or as they come', async () => {
    const text = (sorted: number): GraphText => ({
      inputs: ['x f32[6]'],
      outputs: ['y', 'first', 'inverse', 'counts'],
      nodes: [node('y, first, inverse, counts = Unique(x)', { attributes: { sorted } })],
    })
    const x = f32([6], [2, 1, 1, 3, 4, 3])
    const values = async (sorted: number): Promise<number[][]> => (await run(text(sorted), { x })).map((r) => r.values)
    expect(await values(1)).toEqual([
      [1, 2, 3, 4],
      [1, 0, 3, 4],
      [1, 0, 0, 2, 3, 2],
      [2, 1, 2, 1],
    ])
    expect(await values(0)).toEqual([
      [2, 1, 3, 4],
      [0, 1, 3, 4],
      [0, 1, 1, 2, 3, 2],
      [1, 2, 2, 1],
    ])
  })

  it('Unique: slices by their elements in turn', async () => {
    const text: GraphText = {
      inputs: ['x i64[4,3]'],
      outputs: ['y', 'inverse'],
      nodes: [node('y, , inverse = Unique(x)', { attributes: { axis: 0 } })],
    }
    const x = tensorOf('i64', [4, 3], [1, 0, 2, 1, 0, 0, 1, 0, 2, 0, 9, 9])
    expect(await run(text, { x })).toEqual([
      { shape: [3, 3], values: [0, 9, 9, 1, 0, 0, 1, 0, 2] },
      { shape: [4], values: [2, 1, 2, 0] },
    ])
  })

  it('Unique: integers beyond those that are signed, and floats of 16 and 8 bits', async () => {
    const text = (dtype: string): GraphText => ({
      inputs: [`x ${dtype}[4]`],
      outputs: ['y'],
      nodes: ['y = Unique(x)'],
    })
    const big = 2n ** 63n
    const wide = await run(text('u64'), { x: tensorOf('u64', [4], [big, 1n, big, 0n]) })
    expect(wide).toEqual([{ shape: [3], values: [0, 1, 2 ** 63] }])
    for (const dtype of ['f16', 'f8e5m2'] as const) {
      const narrow = await run(text(dtype), { x: tensorOf(dtype, [4], [1, -2, 0.5, -2]) }, 23)
      expect(narrow).toEqual([{ shape: [3], values: [-2, 0.5, 1] }])
    }
  })

  it('NonMaxSuppression: best boxes first, for each batch and class', async () => {
    const text: GraphText = {
      inputs: ['boxes f32[1,4,4]', 'scores f32[1,2,4]', 'overlap f32[1]', 'least f32[1]'],
      outputs: ['y'],
      nodes: ['y = NonMaxSuppression(boxes, scores, most, overlap, least)'],
      initializers: [stored('most', scalarTensor('i64', 3))],
    }
    // Boxes 0 and 1 overlap by 0.9/1.1; 2 lies apart, its corners in the other order; 3 equals 2.
    const boxes = f32([1, 4, 4], [0, 0, 1, 1, 0, 0.1, 1, 1.1, 0, 11, 1, 10, 0, 10, 1, 11])
    const scores = f32([1, 2, 4], [0.5, 0.9, 0.3, 0.3, 0.8, 0.1, 0.7, 0.9])
    const at = async (overlap: number, least: number): Promise<number[]> =>
      (await run(text, { boxes, scores, overlap: f32([1], [overlap]), least: f32([1], [least]) }))[0]!.values
    expect(await at(0.5, 0)).toEqual([0, 0, 1, 0, 0, 2, 0, 1, 3, 0, 1, 0])
    expect(await at(0.5, 0.6)).toEqual([0, 0, 1, 0, 1, 3, 0, 1, 0])
    expect(await at(0.9, 0.4)).toEqual([0, 0, 1, 0, 0, 0, 0, 1, 3, 0, 1, 0])
    expect(await at(0.5, 2)).toEqual([])
  })

  it('Loop: scan outputs of as many iterations as took place', async () => {
    const body = graphProto({
      inputs: ['i', 'c', 's'],
      outputs: ['more', 't', 's'],
      nodes: ['t = Add(s, s)', 'more = Less(t, limit)'],
    })
    const text: GraphText = {
      inputs: ['s0 f32[]', 'limit f32[]'],
      outputs: ['last', 'all'],
      nodes: [node('last, all = Loop(n, , s0)', { attributes: { body: { graph: body } } })],
      initializers: [stored('n', scalarTensor('i64', 8))],
    }
    expect(await run(text, { s0: scalarTensor('f32', 1), limit: scalarTensor('f32', 10) })).toEqual([
      { shape: [], values: [16] },
      { shape: [4], values: [1, 2, 4, 8] },
    ])
  })

  it('flow through what works element by element', async () => {
    // x[x > 1] + 1, as exporters write it; and the places.
    const text: GraphText = {
      inputs: ['x f32[2,3]'],
      outputs: ['picked', 'columns'],
      nodes: [
        'mask = Greater(x, one)',
        'places = NonZero(mask)',
        node('vectors = Transpose(places)', { attributes: { perm: [1, 0] } }),
        'values = GatherND(x, vectors)',
        'picked = Add(values, one)',
        node('second = Gather(places, last)', { attributes: { axis: 0 } }),
        node('columns = Cast(second)', { attributes: { to: 1 } }),
      ],
      initializers: [stored('one', scalarTensor('f32', 1)), stored('last', scalarTensor('i64', 1))],
    }
    expect(await run(text, { x: f32([2, 3], [3, 0, 1, 0, 2, 9]) })).toEqual([
      { shape: [3], values: [4, 3, 10] },
      { shape: [3], values: [0, 1, 2] },
    ])
  })

  it('leave padding out of sums and shapes', async () => {
    const text: GraphText = {
      inputs: ['x f32[6]'],
      outputs: ['sum', 'shape', 'least'],
      nodes: [
        'p = NonZero(x)',
        node('sum = ReduceSum(p)', { attributes: { keepdims: 0 } }),
        'shape = Shape(p)',
        node('least = ReduceMin(p)', { attributes: { keepdims: 0 } }),
      ],
    }
    const values = async (x: number[]): Promise<number[][]> =>
      (await run(text, { x: f32([6], x) })).map((result) => result.values)
    expect(await values([0, 0, 3, 0, 1, 0])).toEqual([[6], [1, 2], [2]])
    expect(await values([0, 0, 0, 0, 0, 7])).toEqual([[5], [1, 1], [5]])
  })

  it.each<[string, (string | ReturnType<typeof node>)[]]>([
    ['a sum backwards', [node('y = CumSum(p, one)', { attributes: { reverse: 1 } })]],
    ['a full operand', ['y = Add(p, six)']],
    ['another count', ['q = NonZero(z)', 'y = Add(p, q)']],
  ])('are refused by %s', (_, nodes) => {
    const text: GraphText = {
      inputs: ['x f32[6]', 'z f32[6]'],
      outputs: ['y'],
      nodes: ['p = NonZero(x)', ...nodes],
      initializers: [stored('six', tensorOf('i64', [6], [0, 1, 2, 3, 4, 5])), stored('one', scalarTensor('i64', 1))],
    }
    expect(codesOf(text)).toEqual(['A207'])
    expect(() => importModel(model(text))).toThrow(/make (this input a constant|these inputs constants): --bind/)
    // With the input known, so is the length.
    const bind = { x: f32([6], [1, 1, 1, 1, 1, 1]), z: f32([6], [1, 1, 1, 1, 1, 1]) }
    expect(() => importModel(model(text), { bind })).not.toThrow()
  })

  it('are described to the user', async () => {
    const text = { inputs: ['x f32[2,3]'], outputs: ['y'], nodes: ['y = NonZero(x)'] }
    const { spec } = await compileGraph(importModel(model(text)).graph, { targets: ['simd'] })
    expect(spec.outputs).toMatchObject([{ name: 'y', dtype: 'i64', shape: [2, 6], extents: [{ axis: 1 }] }])
    expect(declarations(spec)).toContain('/** i64[2, ≤ 6] */')
  })
})
