import onnxProto, { type onnx as types } from 'onnx-proto'
import { describe, expect, it } from 'vitest'
import { CompileError, type Diagnostic } from '../../compiler/core/diagnostics/diagnostic.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { tensorOf, toNumbers } from '../../compiler/core/tensor.ts'
import { verify } from '../../compiler/core/verify.ts'
import { importModel, type ImportOptions } from '../../compiler/onnx/import.ts'
import { attribute, graph, model, node, stored } from './build.ts'

const { onnx } = onnxProto

function diagnosticsOf(bytes: Uint8Array, options: ImportOptions = {}): readonly Diagnostic[] {
  try {
    importModel(bytes, options)
  } catch (error) {
    if (error instanceof CompileError) return error.diagnostics
    throw error
  }
  return []
}

const codesOf = (bytes: Uint8Array, options?: ImportOptions): string[] =>
  diagnosticsOf(bytes, options).map((d) => d.code)

const f32 = (shape: number[], values: number[]) => tensorOf('f32', shape, values)
const i64 = (shape: number[], values: number[]) => tensorOf('i64', shape, values)

describe('dimensions', () => {
  const twoInputs = model({
    inputs: ['x f32[batch,3,?]', 'z f32[batch]', 'u f32'],
    outputs: ['y'],
    nodes: ['y = Relu(x)'],
  })

  it('are all listed if they are not bound', () => {
    const [found, ...others] = diagnosticsOf(twoInputs)
    expect(others).toEqual([])
    expect(found!.code).toBe('A105')
    expect(found!.message).toContain('"x" f32[batch,3,?], "z" f32[batch], "u" f32[…]')
    expect(found!.hint).toContain('--dim batch=1')
    expect(found!.hint).toContain('--shape x=1,3,1')
  })

  it('are bound by name and by shape', () => {
    const { graph } = importModel(twoInputs, { dims: { batch: 2 }, shapes: { x: [2, 3, 5], u: [] } })
    expect(graph.inputs.map(({ value }) => value.type.shape)).toEqual([[2, 3, 5], [2], []])
  })

  it('are settled by the shape of another input', () => {
    const { graph } = importModel(twoInputs, { shapes: { x: [4, 3, 1], u: [1] } })
    expect(graph.inputs[1]!.value.type.shape).toEqual([4])
  })

  it('must fit', () => {
    expect(codesOf(twoInputs, { dims: { batch: 2 }, shapes: { x: [3, 3, 1], u: [] } })).toEqual(['A106'])
    expect(codesOf(twoInputs, { shapes: { x: [2, 4, 1], z: [2], u: [] } })).toEqual(['A106'])
    expect(codesOf(twoInputs, { shapes: { x: [2, 3], z: [2], u: [] } })).toEqual(['A106'])
    expect(codesOf(twoInputs, { shapes: { x: [2, 3, -1], z: [2], u: [] } })).toContain('A106')
    expect(codesOf(twoInputs, { dims: { batch: 1.5 }, shapes: { x: [2, 3, 1], z: [2], u: [] } })).toEqual(['A106'])
    expect(codesOf(twoInputs, { dims: { batch: 2, height: 2 }, shapes: { x: [2, 3, 1], other: [1], u: [] } })).toEqual([
      'A106',
      'A106',
    ])
    expect(codesOf(twoInputs, { shapes: { x: [2 ** 20, 3, 2 ** 20], u: [] } })).toEqual(['A301'])
  })
})

describe('bound inputs', () => {
  const reshaped = model({ inputs: ['x f32[2,3]', 's i64[n]'], outputs: ['y'], nodes: ['y = Reshape(x, s)'] })

  it('become constants', () => {
    const { graph } = importModel(reshaped, { bind: { s: i64([2], [3, -1]) } })
    expect(graph.inputs.map(({ name }) => name)).toEqual(['x'])
    expect(graph.outputs[0]!.value.type.shape).toEqual([3, 2])
  })

  it('are asked for where a value is needed', () => {
    const [found] = diagnosticsOf(reshaped, { shapes: { s: [2] } })
    expect(found!.code).toBe('A206')
    expect(found!.message).toContain('depends on "s"')
    expect(found!.origin).toEqual({ node: '#0', operator: 'Reshape', opset: 17 })
  })

  it('must fit', () => {
    expect(codesOf(reshaped, { bind: { s: f32([2], [3, 2]) } })).toEqual(['A106'])
    expect(codesOf(reshaped, { bind: { s: i64([], [6]) } })).toEqual(['A106'])
    expect(codesOf(reshaped, { bind: { s: i64([1], [6]), t: i64([1], [6]) } })).toEqual(['A106'])
  })

  it('may stand for initializers that are declared as inputs', () => {
    const bytes = model({
      inputs: ['x f32[2]', 'w f32[2]'],
      outputs: ['y'],
      nodes: ['y = Add(x, w)'],
      initializers: [stored('w', f32([2], [1, 2]))],
    })
    const x = f32([2], [10, 20])
    const run = (options: ImportOptions): number[] =>
      toNumbers(evaluate(importModel(bytes, options).graph, { x })['y']!)
    expect(run({})).toEqual([11, 22])
    expect(run({ bind: { w: f32([2], [5, 5]) } })).toEqual([15, 25])
  })
})

describe('graphs', () => {
  it('need not be in order', () => {
    const bytes = model({ inputs: ['x f32[1]'], outputs: ['y'], nodes: ['y = Neg(h)', 'h = Add(x, x)'] })
    expect(toNumbers(evaluate(importModel(bytes).graph, { x: f32([1], [3]) })['y']!)).toEqual([-6])
  })

  it('may be deeper than the call stack', () => {
    const nodes = Array.from({ length: 20_000 }, (_, i) => `h${i + 1} = Neg(h${i})`)
    const { graph } = importModel(model({ inputs: ['h0 f32[1]'], outputs: ['h20000'], nodes }))
    verify(graph)
  })

  it('may not be cyclic', () => {
    const [found] = diagnosticsOf(
      model({
        inputs: ['x f32[1]'],
        outputs: ['y'],
        nodes: ['a = Add(x, b)', node('b = Neg(a)', { name: 'loop' }), 'y = Relu(a)'],
      }),
    )
    expect(found!.code).toBe('A104')
    expect(found!.message).toMatch(/#0|loop/)
    expect(codesOf(model({ outputs: ['y'], nodes: ['y = Neg(y)'] }))).toEqual(['A104'])
  })

  it('must define every name once', () => {
    const [found] = diagnosticsOf(
      model({ inputs: ['x f32[1]'], outputs: ['y'], nodes: [node('y = Add(x, nowhere)', { name: 'sum' })] }),
    )
    expect(found!.code).toBe('A102')
    expect(found!.message).toBe('Add "sum" reads "nowhere", which nothing defines')
    expect(codesOf(model({ inputs: ['x f32[1]'], outputs: ['z'], nodes: ['y = Relu(x)'] }))).toEqual(['A102'])
    expect(codesOf(model({ inputs: ['x f32[1]'], outputs: ['y'], nodes: ['y = Relu(x)', 'y = Neg(x)'] }))).toEqual([
      'A102',
    ])
  })

  it('report everything that is wrong at once, unsupported operators first', () => {
    const found = diagnosticsOf(
      model(
        {
          inputs: ['x f32[2,3]'],
          outputs: ['y'],
          nodes: [
            'h = MatMul(x, x)',
            node('a = Frobnicate(x)', { name: 'one' }),
            node('b = Frobnicate(a)', { name: 'two' }),
            node('c = Frobnicate(b)', { name: 'three', domain: 'org.example' }),
            node('d = Concat(x, x)', { name: 'joined' }),
            'y = Sum(h, c, d)',
            'unused = Nonsense(x)',
          ],
        },
        { opsetImport: [{ version: 17 }, { domain: 'org.example', version: 3 }] },
      ),
    )
    expect(found.map((d) => d.code)).toEqual(['A201', 'A201', 'A204', 'A205'])
    expect(found[0]!.message).toContain('2 nodes: one, two')
    expect(found[1]!.origin).toEqual({ node: 'three', operator: 'org.example.Frobnicate', opset: 3 })
    expect(found[2]!.message).toContain('f32[2,3]')
    expect(found[3]!.message).toContain('axis')
  })

  it('may not have results beyond all bounds', () => {
    const huge = stored('n', i64([2], [2 ** 20, 2 ** 20]))
    expect(codesOf(model({ outputs: ['y'], nodes: ['y = ConstantOfShape(n)'], initializers: [huge] }))).toEqual([
      'A301',
    ])
    const chain = ['a = ConstantOfShape(n)', 'b = Add(a, a)', 'y = ReduceSum(b)']
    expect(codesOf(model({ outputs: ['y'], nodes: chain, initializers: [huge] }))).toEqual(['A301'])
    const negative = stored('negative', i64([2], [-1, 3]))
    expect(
      codesOf(model({ outputs: ['y'], nodes: ['y = ConstantOfShape(negative)'], initializers: [negative] })),
    ).toEqual(['A204'])
    const sizes = stored('sizes', i64([1], [2 ** 31 - 1]))
    const resize = node('y = Resize(x, , , sizes)', { attributes: { mode: 'linear' } })
    expect(codesOf(model({ inputs: ['x f32[1]'], outputs: ['y'], nodes: [resize], initializers: [sizes] }))).toEqual([
      'A301',
    ])
  })

  it('keep what the model says about itself', () => {
    const bytes = model(
      { inputs: ['x f32[1]'], outputs: ['y'], nodes: ['y = Relu(x)'] },
      { metadataProps: [{ key: 'labels', value: 'a,b' }] },
    )
    expect(importModel(bytes).metadata).toEqual({ labels: 'a,b' })
  })
})

describe('subgraphs and functions', () => {
  const branch = (text: string): { graph: types.IGraphProto } => ({ graph: graph({ outputs: ['r'], nodes: [text] }) })
  const choice = node('y = If(c)', {
    attributes: { then_branch: branch('r = Add(h, x)'), else_branch: branch('r = Frobnicate(h)') },
  })

  it('inlines the branch that is taken, with the names around it', () => {
    // `h` is defined after the node whose branch reads it.
    const bytes = model({ inputs: ['x f32[1]', 'c bool[]'], outputs: ['y'], nodes: [choice, 'h = Neg(x)'] })
    const { graph: taken } = importModel(bytes, { bind: { c: tensorOf('bool', [], [1]) } })
    expect(toNumbers(evaluate(taken, { x: f32([1], [3]) })['y']!)).toEqual([0])
    const [found] = diagnosticsOf(bytes, { bind: { c: tensorOf('bool', [], [0]) } })
    expect(found!.code).toBe('A201')
    expect(found!.origin!.node).toBe('#0/#0')
    // A condition that is not known takes both branches; it must be known where one of them cannot be had.
    expect(codesOf(bytes)).toEqual(['A201', 'A206'])
  })

  const shifted: types.IFunctionProto = {
    name: 'Shifted',
    domain: 'own',
    input: ['a', 'b'],
    output: ['r'],
    opsetImport: [{ domain: '', version: 17 }],
    node: [node('t = Transpose(a)', { attributes: { perm: { reference: 'order' } } }), node('r = Clip(t, b)')],
  }
  const call = (text: string, functions: types.IFunctionProto[], perm = [1, 0]): Uint8Array =>
    model(
      {
        inputs: ['x f32[1,2]'],
        outputs: ['y'],
        nodes: [node(text, { domain: 'own', attributes: { order: perm } })],
        initializers: [stored('m', f32([], [2]))],
      },
      { opsetImport: [{ version: 17 }, { domain: 'own', version: 1 }], functions },
    )

  it('inlines functions of the model with attributes and omitted inputs', () => {
    const run = (text: string): number[] =>
      toNumbers(evaluate(importModel(call(text, [shifted])).graph, { x: f32([1, 2], [1, 5]) })['y']!)
    expect(run('y = Shifted(x, m)')).toEqual([2, 5])
    expect(run('y = Shifted(x)')).toEqual([1, 5])
    expect(importModel(call('y = Shifted(x)', [shifted])).graph.outputs[0]!.value.type.shape).toEqual([2, 1])
  })

  it('says why an operator cannot be had', () => {
    const gradient = node('y = Gradient(x)', { domain: 'ai.onnx.preview.training' })
    const [found] = diagnosticsOf(model({ inputs: ['x f32[9]'], outputs: ['y'], nodes: [gradient] }))
    expect(found!.code).toBe('A201')
    expect(found!.hint).toMatch(/export the model for inference/)
  })

  it('gives functions their attributes’ default values', () => {
    const field = (number: number, bytes: Uint8Array): number[] => {
      const key = (number << 3) | 2
      const varint = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...varint(n >> 7)])
      return [...varint(key), ...varint(bytes.length), ...bytes]
    }
    // The schema that encodes these tests lacks FunctionProto.attribute_proto, field 11.
    const order = onnx.AttributeProto.encode(attribute('order', [0, 1])).finish()
    const body = onnx.FunctionProto.encode(shifted).finish()
    const shape = (text: string, given: boolean): readonly number[] => {
      const attributes = given ? { order: [1, 0] } : {}
      const caller = model(
        { inputs: ['x f32[1,2]'], outputs: ['y'], nodes: [node(text, { domain: 'own', attributes })] },
        { opsetImport: [{ version: 17 }, { domain: 'own', version: 1 }] },
      )
      const bytes = Uint8Array.from([...caller, ...field(25, Uint8Array.from([...body, ...field(11, order)]))])
      return importModel(bytes).graph.outputs[0]!.value.type.shape
    }
    expect(shape('y = Shifted(x)', false)).toEqual([1, 2])
    expect(shape('y = Shifted(x)', true)).toEqual([2, 1])
  })

  it('bounds functions that call themselves or one another', () => {
    const self: types.IFunctionProto = { ...shifted, node: [node('r = Shifted(a, b)', { domain: 'own' })] }
    expect(codesOf(call('y = Shifted(x)', [{ ...self, opsetImport: [{ domain: 'own', version: 1 }] }]))).toEqual([
      'A301',
    ])
    const doubling = Array.from({ length: 60 }, (_, i): types.IFunctionProto => ({
      ...shifted,
      name: `F${i}`,
      node: [node(`t = F${i + 1}(a)`, { domain: 'own' }), node(`r = F${i + 1}(t)`, { domain: 'own' })],
    }))
    expect(codesOf(call('y = F0(x)', doubling)).every((code) => code === 'A301' || code === 'A201')).toBe(true)
  })
})

describe('floats', () => {
  it('of 16 bits are computed in f32 and stored as they were', () => {
    const bytes = model({ inputs: ['x f16[2]'], outputs: ['y'], nodes: ['h = Add(x, x)', 'y = Identity(h)'] })
    const { graph } = importModel(bytes)
    expect(graph.outputs[0]!.value.type.dtype).toBe('f16')
    expect(toNumbers(evaluate(graph, { x: tensorOf('f16', [2], [1.5, 65504]) })['y']!)).toEqual([3, Infinity])
  })
})
