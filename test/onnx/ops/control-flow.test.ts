import { describe, expect, it } from 'vitest'
import { CompileError } from '../../../compiler/core/diagnostics/diagnostic.ts'
import { evaluate } from '../../../compiler/core/evaluate.ts'
import { scalarTensor, tensorOf, toNumbers, type Tensor } from '../../../compiler/core/tensor.ts'
import { verify } from '../../../compiler/core/verify.ts'
import { importModel } from '../../../compiler/onnx/import.ts'
import { graph, model, node, stored, type AttributeValue, type GraphText } from '../build.ts'

const f32 = (shape: number[], values: number[]): Tensor => tensorOf('f32', shape, values)

/** Shape and elements of every output. */
function run(text: GraphText, inputs: Record<string, Tensor>, opset = 17): [number[], number[]][] {
  const shapes = Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, shape]))
  const { graph } = importModel(model(text, { opsetImport: [{ domain: '', version: opset }] }), { shapes })
  verify(graph)
  const results = evaluate(graph, inputs)
  return graph.outputs.map(({ name }) => [[...results[name]!.shape], toNumbers(results[name]!)])
}

function codesOf(text: GraphText): string[] {
  try {
    importModel(model(text))
  } catch (error) {
    if (error instanceof CompileError) return error.diagnostics.map((d) => d.code)
    throw error
  }
  return []
}

/** s ← s + x, output 2 s. */
const sumBody = graph({
  inputs: ['s', 'x'],
  outputs: ['t', 'y'],
  nodes: ['t = Add(s, x)', 'y = Add(t, t)'],
})

const scan = (attributes: Record<string, AttributeValue>): GraphText => ({
  inputs: ['s0 f32[2]', 'xs f32[3,2]'],
  outputs: ['last', 'ys'],
  nodes: [
    node('last, ys = Scan(s0, xs)', { attributes: { body: { graph: sumBody }, num_scan_inputs: 1, ...attributes } }),
  ],
})

const xs = f32([3, 2], [1, 2, 3, 4, 5, 6])

describe('Scan', () => {
  it('carries states and stacks outputs', () => {
    expect(run(scan({}), { s0: f32([2], [10, 20]), xs })).toEqual([
      [[2], [19, 32]],
      [
        [3, 2],
        [22, 44, 28, 52, 38, 64],
      ],
    ])
  })

  it('walks inputs and outputs backwards', () => {
    const attributes = { scan_input_directions: [1], scan_output_directions: [1] }
    expect(run(scan(attributes), { s0: f32([2], [0, 0]), xs })[1]).toEqual([
      [3, 2],
      [18, 24, 16, 20, 10, 12],
    ])
  })

  it('takes and gives slices along other axes', () => {
    const text = { ...scan({ scan_input_axes: [-1], scan_output_axes: [-1] }), inputs: ['s0 f32[3]', 'xs f32[3,2]'] }
    expect(run(text, { s0: f32([3], [0, 0, 0]), xs })).toEqual([
      [[3], [3, 7, 11]],
      [
        [3, 2],
        [2, 6, 6, 14, 10, 22],
      ],
    ])
  })

  it('has empty outputs without an iteration', () => {
    const text = { ...scan({}), inputs: ['s0 f32[2]', 'xs f32[0,2]'] }
    expect(run(text, { s0: f32([2], [1, 2]), xs: f32([0, 2], []) })).toEqual([
      [[2], [1, 2]],
      [[0, 2], []],
    ])
  })

  it('scans each example of a batch at opset 8', () => {
    const text: GraphText = {
      inputs: ['s0 f32[2,1]', 'xs f32[2,2,1]'],
      outputs: ['last', 'ys'],
      nodes: [
        node('last, ys = Scan(, s0, xs)', {
          attributes: { body: { graph: sumBody }, num_scan_inputs: 1, directions: [1] },
        }),
      ],
    }
    expect(run(text, { s0: f32([2, 1], [0, 100]), xs: f32([2, 2, 1], [1, 2, 3, 4]) }, 8)).toEqual([
      [
        [2, 1],
        [3, 107],
      ],
      [
        [2, 2, 1],
        [4, 6, 208, 214],
      ],
    ])
  })

  it('reads values from around it', () => {
    const body = graph({ inputs: ['x'], outputs: ['y'], nodes: ['y = Mul(x, factor)'] })
    const text: GraphText = {
      inputs: ['xs f32[2]', 'factor f32[]'],
      outputs: ['ys'],
      nodes: [node('ys = Scan(xs)', { attributes: { body: { graph: body }, num_scan_inputs: 1 } })],
    }
    expect(run(text, { xs: f32([2], [2, 3]), factor: scalarTensor('f32', 5) })).toEqual([[[2], [10, 15]]])
  })
})

/** s ← s + i; goes on while i < 3. */
const countBody = graph({
  inputs: ['i', 'c', 's'],
  outputs: ['more', 't', 'seen'],
  nodes: ['more = Less(i, three)', 't = Add(s, i)', 'seen = Identity(i)'],
  initializers: [stored('three', scalarTensor('i64', 3))],
})

const loop = (trips: Tensor | undefined, body = countBody): GraphText => ({
  inputs: ['s0 i64[]'],
  outputs: ['s', 'seen'],
  nodes: [node(`s, seen = Loop(${trips ? 'trips' : ''}, , s0)`, { attributes: { body: { graph: body } } })],
  initializers: trips ? [stored('trips', trips)] : [],
})

describe('Loop', () => {
  it('ends at the trip count', () => {
    expect(run(loop(scalarTensor('i64', 2)), { s0: scalarTensor('i64', 10) })).toEqual([
      [[], [11]],
      [[2], [0, 1]],
    ])
  })

  it('ends when its condition fails, after the iteration that found so', () => {
    expect(run(loop(undefined), { s0: scalarTensor('i64', 10) })).toEqual([
      [[], [16]],
      [[4], [0, 1, 2, 3]],
    ])
  })

  it('has empty outputs without an iteration', () => {
    expect(run(loop(scalarTensor('i64', 0)), { s0: scalarTensor('i64', 10) })).toEqual([
      [[], [10]],
      [[0], []],
    ])
  })

  it('must have a trip count that is known', () => {
    expect(
      codesOf({
        ...loop(undefined),
        inputs: ['s0 i64[]', 'trips i64[]'],
        nodes: [node('s, seen = Loop(trips, , s0)', { attributes: { body: { graph: countBody } } })],
      }),
    ).toEqual(['A206'])
  })

  it('that never ends is over budget', () => {
    const body = graph({
      inputs: ['i', 'c', 's'],
      outputs: ['c', 's', 'i'],
      nodes: [],
    })
    expect(codesOf(loop(undefined, body))).toEqual(['A301'])
  })
})

const branch = (expression: string): AttributeValue => ({
  graph: graph({ outputs: ['r'], nodes: [`r = ${expression}`] }),
})

describe('If', () => {
  const text = (then: string, otherwise: string): GraphText => ({
    inputs: ['c bool[]', 'x f32[2]'],
    outputs: ['y'],
    nodes: [node('y = If(c)', { attributes: { then_branch: branch(then), else_branch: branch(otherwise) } })],
  })

  it('evaluates both branches where the condition is known at run time only', () => {
    const x = f32([2], [1, -2])
    const results = [1, 0].map((c) => run(text('Abs(x)', 'Neg(x)'), { c: scalarTensor('bool', c), x })[0]![1])
    expect(results).toEqual([
      [1, 2],
      [-1, 2],
    ])
  })

  it('must know the condition where the branches give different types', () => {
    expect(codesOf(text('Abs(x)', 'Size(x)'))).toEqual(['A206'])
  })
})
