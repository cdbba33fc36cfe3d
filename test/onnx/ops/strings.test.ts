import onnxProto, { type onnx as types } from 'onnx-proto'
import { describe, expect, it } from 'vitest'
import type { PortNames } from '../../../compiler/core/artefact/artefact.ts'
import { CompileError } from '../../../compiler/core/diagnostics/diagnostic.ts'
import { evaluate } from '../../../compiler/core/evaluate.ts'
import { tensorOf, toNumbers, type Tensor } from '../../../compiler/core/tensor.ts'
import { importModel } from '../../../compiler/onnx/import.ts'
import { compile } from '../../../compiler/pipeline.ts'
import { declarations } from '../../../compiler/package/declarations.ts'
import { instantiate, type Output } from '../../../runtime/index.ts'
import { model, node, stored, type AttributeValue } from '../build.ts'

const { onnx } = onnxProto
const domain = 'ai.onnx.ml'
const f32 = (shape: number[], values: readonly number[]): Tensor => tensorOf('f32', shape, values)
const floats = (...values: number[]): AttributeValue => ({ floats: values })
const strings = (...values: string[]): AttributeValue => ({ strings: values })

interface Case {
  readonly inputs: readonly string[]
  readonly nodes: readonly (string | types.INodeProto)[]
  readonly initializers?: readonly types.ITensorProto[]
  readonly x: Tensor
}

const bytesOf = ({ inputs, nodes, initializers = [] }: Omit<Case, 'x'>): Uint8Array =>
  model({ inputs, outputs: ['y'], nodes, initializers }, { opsetImport: [{ version: 17 }, { domain, version: 4 }] })

/** Output y for input x, evaluated: its numbers, and what they stand for if that is strings. */
function labelled(c: Case): { tensor: Tensor; labels?: readonly string[]; values?: string[] } {
  const { graph, names } = importModel(bytesOf(c))
  const tensor = evaluate(graph, { x: c.x })['y']!
  const labels = names.outputs['y']?.labels
  return labels ? { tensor, labels, values: toNumbers(tensor).map((i) => labels[i]!) } : { tensor }
}

describe('LabelEncoder', () => {
  it('gives strings, of which the module has a list', () => {
    const attributes = { keys_int64s: [1, 2, 3], values_strings: strings('b', 'a', 'b'), default_string: 'none' }
    const { values, labels } = labelled({
      inputs: [`x i64[4]`],
      nodes: [node('y = LabelEncoder(x)', { domain, attributes })],
      x: tensorOf('i64', [4], [1n, 2n, 3n, 4n]),
    })
    expect(values).toEqual(['b', 'a', 'b', 'none'])
    expect(labels).toEqual(['b', 'a', 'none'])
  })
})

/** One node of version `version` of ai.onnx.ml, on input x; strings in and out as such. */
function encodedStrings(text: string, input: string, x: Tensor, attributes: Record<string, AttributeValue>) {
  const bytes = model(
    { inputs: input === 'string' ? [] : [input], outputs: ['y'], nodes: [node(text, { domain, attributes })] },
    { opsetImport: [{ version: 17 }, { domain, version: 1 }] },
  )
  const proto = onnx.ModelProto.decode(bytes)
  if (input === 'string') {
    const shape = { dim: x.shape.map((d) => ({ dimValue: d })) }
    proto.graph!.input = [{ name: 'x', type: { tensorType: { elemType: 8, shape } } }]
  }
  const { graph, names } = importModel(onnx.ModelProto.encode(proto).finish())
  const labels = names.outputs['y']?.labels
  const values = toNumbers(evaluate(graph, { x })['y']!)
  return labels ? values.map((i) => labels[i]) : values
}

describe('one table for both ways', () => {
  const two = tensorOf('i64', [4], [1n, 0n, 7n, -1n])

  it('LabelEncoder of ai.onnx.ml 1 numbers its classes', () => {
    const classes = { classes_strings: strings('a', 'b') }
    const given = { ...classes, default_string: '?', default_int64: 9 }
    expect(encodedStrings('y = LabelEncoder(x)', 'x i64[4]', two, given)).toEqual(['b', 'a', '?', '?'])
    expect(encodedStrings('y = LabelEncoder(x)', 'x i64[4]', two, classes)).toEqual(['b', 'a', '_Unused', '_Unused'])
    const places = tensorOf('i32', [3], [1, -1, 0])
    expect(encodedStrings('y = LabelEncoder(x)', 'string', places, given)).toEqual([1, 9, 0])
    expect(encodedStrings('y = LabelEncoder(x)', 'string', places, classes)).toEqual([1, -1, 0])
  })

  it('CategoryMapper pairs strings and integers', () => {
    const cats = { cats_strings: strings('a', 'b'), cats_int64s: [7, 1] }
    expect(encodedStrings('y = CategoryMapper(x)', 'x i64[4]', two, cats)).toEqual(['b', '_Unused', 'a', '_Unused'])
    const places = tensorOf('i32', [3], [1, -1, 0])
    expect(encodedStrings('y = CategoryMapper(x)', 'string', places, cats)).toEqual([1, -1, 7])
    const uneven = { ...cats, cats_int64s: [7] }
    expect(() => encodedStrings('y = CategoryMapper(x)', 'x i64[4]', two, uneven)).toThrow('2 strings for 1 integers')
  })
})

describe('strings', () => {
  it('labels with strings, which move and are encoded as other labels', () => {
    const attributes = {
      coefficients: floats(1, -1),
      intercepts: floats(0, 0),
      classlabels_strings: strings('high', 'low'),
    }
    const classify = node('y, scores = LinearClassifier(x)', { domain, attributes })
    const x = f32([2, 1], [3, -3])
    expect(labelled({ inputs: ['x f32[2,1]'], nodes: [classify], x }).values).toEqual(['high', 'low'])

    const numbers = { keys_strings: strings('low'), values_int64s: [5], default_int64: -1 }
    const nodes = [
      node('t, scores = LinearClassifier(x)', { domain, attributes }),
      'u = Reshape(t, shape)',
      node('y = LabelEncoder(u)', { domain, attributes: numbers }),
    ]
    const shape = stored('shape', tensorOf('i64', [2], [2n, 1n]))
    const { tensor, labels } = labelled({ inputs: ['x f32[2,1]'], nodes, x, initializers: [shape] })
    expect(labels).toBeUndefined()
    expect(tensor).toEqual(tensorOf('i64', [2, 1], [-1n, 5n]))
  })

  it('takes strings from initializers and constants', () => {
    const text = (...values: string[]): types.ITensorProto => ({
      name: 'names',
      dims: [values.length],
      dataType: 8,
      stringData: values.map((value) => new TextEncoder().encode(value)),
    })
    const nodes = [
      'i = ArgMax(x)',
      node('a = ArrayFeatureExtractor(names, i)', { domain }),
      node('c = Constant()', { attributes: { value: { tensor: text('new', 'b') } } }),
      'y = Concat(a, d)',
      'd = Unsqueeze(c, zero)',
    ]
    nodes[0] = node('i = ArgMax(x)', { attributes: { axis: 1, keepdims: 0 } })
    nodes[3] = node('y = Concat(a, d)', { attributes: { axis: 1 } })
    const initializers = [text('a', 'b', 'c'), stored('zero', tensorOf('i64', [1], [0n]))]
    const x = f32([2, 3], [0, 0, 1, 0, 5, 1])
    const { values } = labelled({ inputs: ['x f32[2,3]'], nodes, initializers, x })
    expect(values).toEqual(['c', 'b', 'new', 'b'])
  })

  it('names the classes of scores in maps', () => {
    const of = (attributes: Record<string, AttributeValue>): PortNames['outputs'][string] | undefined =>
      importModel(
        model(
          { inputs: ['x f32[1,2]'], outputs: ['y'], nodes: [node('y = ZipMap(x)', { domain, attributes })] },
          { opsetImport: [{ domain, version: 1 }] },
        ),
      ).names.outputs['y']
    expect(of({ classlabels_strings: strings('a', 'b') })).toEqual({ classes: ['a', 'b'] })
    expect(of({ classlabels_int64s: [3, 4] })).toEqual({ classes: [3, 4] })
    expect(() => of({ classlabels_int64s: [3] })).toThrow('A205')
  })
})

describe('inputs', () => {
  const encode = node('y = LabelEncoder(x)', {
    domain,
    attributes: { keys_strings: strings('a', 'b'), values_int64s: [5, 6], default_int64: -7 },
  })
  const text = (nodes: Case['nodes']): Uint8Array => {
    const bytes = bytesOf({ inputs: ['x i32[3]'], nodes })
    const decoded = onnx.ModelProto.decode(bytes)
    decoded.graph!.input![0]!.type!.tensorType!.elemType = 8
    return onnx.ModelProto.encode(decoded).finish()
  }
  const run = async (nodes: Case['nodes']): Promise<Output> => {
    const { modules, spec } = await compile(text(nodes), { targets: ['simd'] })
    return instantiate(modules.simd as BufferSource, spec).run({ x: ['b', 'other', 'a'] })['y']!
  }

  it('are strings of which the module knows those that nodes name', async () => {
    expect(await run([encode])).toEqual(BigInt64Array.of(6n, -7n, 5n))
    const moved = node('t = Identity(x)')
    const categories = node('y = OneHotEncoder(t)', { domain, attributes: { cats_strings: strings('c', 'b') } })
    expect(await run([moved, categories])).toEqual(Float32Array.of(0, 1, 0, 0, 0, 0))
  })

  it('come out again as they are, not rearranged', () => {
    const codeOf = (nodes: Case['nodes']): string => {
      try {
        importModel(text(nodes))
      } catch (error) {
        if (error instanceof CompileError) return error.diagnostics[0]!.code
      }
      return 'none'
    }
    const encode = node('z = LabelEncoder(x)', { domain, attributes: { keys_strings: strings('a') } })
    expect(codeOf(['y = Identity(x)'])).toBe('none')
    expect(codeOf(['y = Identity(x)', encode])).toBe('none')
    expect(codeOf(['y = Transpose(x)'])).toBe('A203')
    expect(codeOf(['y = Transpose(x)', encode])).toBe('A203')
  })
})

describe('Compress', () => {
  const classify = node('t, scores = LinearClassifier(x)', {
    domain,
    attributes: { coefficients: floats(1, -1), intercepts: floats(0, 0), classlabels_strings: strings('high', 'low') },
  })

  it('takes strings where their number is known, and refuses them where it is not', () => {
    const x = f32([2, 1], [3, -3])
    const known = stored('c', tensorOf('bool', [2], [0, 1]))
    const nodes = [classify, 'y = Compress(t, c)']
    expect(labelled({ inputs: ['x f32[2,1]'], nodes, initializers: [known], x }).values).toEqual(['low'])
    expect(() => labelled({ inputs: ['x f32[2,1]', 'c bool[2]'], nodes, x })).toThrow(
      /A203[^]*how many depends on data/,
    )
  })
})

describe('the module', () => {
  const attributes = {
    ...{ coefficients: floats(1, -1), intercepts: floats(0, 0) },
    classlabels_strings: strings('high', 'it’s "low"'),
  }
  const bytes = bytesOf({
    inputs: ['x f32[2,1]'],
    nodes: [node('y, scores = LinearClassifier(x)', { domain, attributes })],
  })

  it('gives labels beside outputs of data-dependent length', async () => {
    const text = {
      inputs: ['x f32[2,1]'],
      outputs: ['y', 'places'],
      nodes: [node('y, scores = LinearClassifier(x)', { domain, attributes }), 'places = NonZero(x)'],
    }
    const both = model(text, { opsetImport: [{ version: 17 }, { domain, version: 4 }] })
    const { modules, spec } = await compile(both, { targets: ['simd'] })
    const instance = instantiate(modules.simd as BufferSource, spec)
    expect(instance.outputs['y']).toEqual(['high', 'high'])
    for (const copy of [false, true]) {
      const { y, places } = instance.run({ x: [0, -3] }, { copy })
      expect(y).toEqual(['high', 'it’s "low"'])
      expect(places).toEqual(BigInt64Array.of(1n, 0n))
      expect(instance.run({ x: [1, 2] })['places']).toEqual(BigInt64Array.of(0n, 1n, 0n, 0n))
    }
  })

  it('gives labels as strings, and says so in its types', async () => {
    const { modules, spec } = await compile(bytes, { targets: ['simd'] })
    const instance = instantiate(modules.simd as BufferSource, spec)
    expect(instance.run({ x: [3, -3] })['y']).toEqual(['high', 'it’s "low"'])
    const kept = instance.run({ x: [-1, 1] }, { copy: true })['y']
    expect(kept).toEqual(['it’s "low"', 'high'])
    instance.run({ x: [1, 1] })
    expect(instance.outputs['y']).toEqual(['high', 'high'])
    expect(kept).toEqual(['it’s "low"', 'high'])
    const text = declarations(spec)
    expect(text).toContain('/** string[2] */\n  readonly "y": readonly ("high" | "it’s \\"low\\"")[]')
    expect(text).toContain('readonly labels: readonly ["high", "it’s \\"low\\""]')
  })
})
