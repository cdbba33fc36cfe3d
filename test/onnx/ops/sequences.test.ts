import { describe, expect, it } from 'vitest'
import { CompileError } from '../../../compiler/core/diagnostics/diagnostic.ts'
import { evaluate } from '../../../compiler/core/evaluate.ts'
import { scalarTensor, tensorOf, toNumbers } from '../../../compiler/core/tensor.ts'
import { importModel } from '../../../compiler/onnx/import.ts'
import { graph, model, node, stored } from '../build.ts'

type Nodes = readonly (string | ReturnType<typeof node>)[]

const integers = Object.entries({ m1: -1, zero: 0, one: 1, two: 2 }).map(([name, value]) =>
  stored(name, scalarTensor('i64', value)),
)

const text = (nodes: Nodes, outputs: readonly string[]): Uint8Array =>
  model({ inputs: ['x f32[3,2]', 'v f32[2]', 'w f32[2]'], outputs, nodes, initializers: integers })

const inputs = {
  x: tensorOf('f32', [3, 2], [1, 2, 3, 4, 5, 6]),
  v: tensorOf('f32', [2], [7, 8]),
  w: tensorOf('f32', [2], [9, 10]),
}

/** Shape and elements of output y. */
function run(...nodes: Nodes): [number[], number[]] {
  const { y } = evaluate(importModel(text(nodes, ['y'])).graph, inputs)
  return [[...y!.shape], toNumbers(y!)]
}

function codesOf(nodes: Nodes): string[] {
  try {
    importModel(text(nodes, ['y']))
  } catch (error) {
    if (error instanceof CompileError) return error.diagnostics.map((d) => d.code)
    throw error
  }
  return []
}

const concat = (axis: number, more = {}): ReturnType<typeof node> =>
  node('y = ConcatFromSequence(s)', { attributes: { axis, ...more } })

describe('sequences', () => {
  it('are built, changed and concatenated', () => {
    const built = ['a = SequenceConstruct(v, w)', 'b = SequenceInsert(a, v)', 's = SequenceErase(b, zero)']
    expect(run(...built, concat(0))).toEqual([[4], [9, 10, 7, 8]])
    expect(run(...built, concat(-1, { new_axis: 1 }))).toEqual([
      [2, 2],
      [9, 7, 10, 8],
    ])
  })

  it('take positions from either end', () => {
    expect(run('s = SequenceConstruct(v, w)', 'y = SequenceAt(s, m1)')[1]).toEqual([9, 10])
    expect(
      run('e = SequenceEmpty()', 'a = SequenceInsert(e, v)', 's = SequenceInsert(a, w, zero)', concat(0))[1],
    ).toEqual([9, 10, 7, 8])
    expect(codesOf(['s = SequenceConstruct(v, w)', 'y = SequenceAt(s, two)'])).toEqual(['A205'])
  })

  it('have a length', () => {
    expect(run('s = SplitToSequence(x)', 'y = SequenceLength(s)')).toEqual([[], [3]])
    expect(run('s = SplitToSequence(x, two)', 'y = SequenceLength(s)')).toEqual([[], [2]])
  })

  it('are parts of a tensor', () => {
    expect(run('s = SplitToSequence(x, two)', 'y = SequenceAt(s, one)')).toEqual([
      [1, 2],
      [5, 6],
    ])
    const split = node('s = SplitToSequence(x)', { attributes: { keepdims: 0, axis: 1 } })
    expect(run(split, 'y = SequenceAt(s, one)')).toEqual([[3], [2, 4, 6]])
  })

  it('are mapped element by element', () => {
    const body = graph({ inputs: ['a', 'b'], outputs: ['c'], nodes: ['c = Add(a, b)'] })
    const map = node('s = SequenceMap(q, v)', { attributes: { body: { graph: body } } })
    expect(run('q = SequenceConstruct(v, w)', map, concat(0))[1]).toEqual([14, 16, 16, 18])
  })

  it('are carried by a loop', () => {
    const body = graph({ inputs: ['i', 'c', 'a'], outputs: ['c', 'b'], nodes: ['b = SequenceInsert(a, v)'] })
    const loop = node('s = Loop(two, , e)', { attributes: { body: { graph: body } } })
    expect(run('e = SequenceEmpty()', loop, concat(0))).toEqual([[4], [7, 8, 7, 8]])
  })

  it('are no tensors', () => {
    expect(codesOf(['s = SequenceConstruct(v, w)', 'y = Relu(s)'])).toEqual(['A203'])
    const nested = ['s = SequenceConstruct(v)', 't = SequenceEmpty()', 'y = SequenceInsert(t, s)']
    expect(codesOf(nested)).toEqual(['A102'])
  })
})

describe('optionals', () => {
  it('have a value or none', () => {
    expect(run('o = Optional(v)', 'y = OptionalGetElement(o)')[1]).toEqual([7, 8])
    expect(run('o = Optional(v)', 'y = OptionalHasElement(o)')[1]).toEqual([1])
    expect(run('o = Optional()', 'y = OptionalHasElement(o)')[1]).toEqual([0])
    expect(codesOf(['o = Optional()', 'y = OptionalGetElement(o)'])).toEqual(['A205'])
  })
})
