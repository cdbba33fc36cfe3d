import onnxProto from 'onnx-proto'
import { describe, expect, it } from 'vitest'
import { CompileError, type Diagnostic } from '../../compiler/core/diagnostics/diagnostic.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { tensorOf, toNumbers } from '../../compiler/core/tensor.ts'
import { decodeTensor } from '../../compiler/onnx/decode.ts'
import { importModel, type ImportOptions } from '../../compiler/onnx/import.ts'
import { compile } from '../../compiler/pipeline.ts'
import { model, node, stored, type AttributeValue } from './build.ts'

const { onnx } = onnxProto

function diagnosticsOf(bytes: Uint8Array, options?: ImportOptions): readonly Diagnostic[] {
  try {
    importModel(bytes, options)
  } catch (error) {
    if (error instanceof CompileError) return error.diagnostics
    throw error
  }
  return []
}

describe('files that are no ONNX models', () => {
  const bytes = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0))
  const header = '{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
  const zip = (name: string): string => `PK\x03\x04${'\0'.repeat(22)}${String.fromCharCode(name.length)}\0\0\0${name}`

  it.each([
    ['version https://git-lfs.github.com/spec/v1\noid sha256:00', 'Git LFS', 'git lfs pull'],
    ['\n<!DOCTYPE html><html><body>404</body></html>', 'HTML', 'raw file'],
    ['<html lang="en">', 'HTML', 'raw file'],
    ['\x89PNG\r\n\x1a\n', 'picture', 'attar run'],
    ['\xff\xd8\xff\xe0\0\x10JFIF', 'picture', 'attar run'],
    ['\x18\0\0\0ORTM\0\0\0\0', '.ort', '.onnx'],
    ['\x1c\0\0\0TFL3\x14\0\x20\0', '.tflite', 'tf2onnx'],
    [zip('archive/data.pkl'), 'PyTorch', 'torch.onnx.export'],
    [zip('config.json'), 'Keras', 'tf2onnx'],
    [zip('x.npy'), 'NumPy', 'not a model'],
    [zip('model.onnx'), 'ZIP', 'unpack'],
    ['\x1f\x8b\x08\0', 'gzip', 'unpack'],
    ['\x80\x04\x95\x0a', 'pickle', 'skl2onnx'],
    ['\x89HDF\r\n\x1a\n\0', 'HDF5', 'tf2onnx'],
    ['\x93NUMPY\x01\0v\0', 'NumPy', 'not a model'],
    ['GGUF\x03\0\0\0', 'GGUF', 'optimum-cli'],
    [`${String.fromCharCode(header.length)}\0\0\0\0\0\0\0${header}\0\0\0\0`, 'safetensors', 'optimum-cli'],
    ['\0asm\x01\0\0\0', 'WebAssembly', 'attar run'],
    ['<?xml version="1.0"?><net>', 'XML', 'ONNX'],
    ['tree\nversion=v4\n', 'LightGBM', 'convert_lightgbm'],
    ['{"format": "layers-model"}', 'JSON', 'tf2onnx'],
  ])('%j is told by its first bytes', (start, name, hint) => {
    const [found] = diagnosticsOf(bytes(start))
    expect(found).toMatchObject({ code: 'A101' })
    expect(found!.message).toContain(name)
    expect(found!.hint).toContain(hint)
  })

  it('takes nothing for one of them that is an ONNX file', () => {
    const plain = model({ inputs: ['x f32[1]'], outputs: ['y'], nodes: ['y = Relu(x)'] }, { producerName: 'TFL3ORTM' })
    expect(diagnosticsOf(plain)).toEqual([])
    const named = onnx.TensorProto.encode(stored('PK', tensorOf('f32', [1], [1]))).finish()
    expect(toNumbers(decodeTensor(named).tensor)).toEqual([1])
  })

  it('has no words of the engine for what is broken', () => {
    for (const broken of [bytes(''), bytes('\x08\x07\x3a\xff'), bytes('rubbish')]) {
      const [found] = diagnosticsOf(broken)
      expect(found!.code).toBe('A101')
      expect(found!.message).not.toMatch(/index out of range|wire type|offset/)
    }
  })
})

describe('inputs whose sizes the model does not tell', () => {
  const relu = (type: string): Uint8Array => model({ inputs: [`x ${type}`], outputs: ['y'], nodes: ['y = Relu(x)'] })

  it('a dimension declared as 0 is one that the exporter did not know', () => {
    const [found] = diagnosticsOf(relu('f32[0,4]'))
    expect(found).toMatchObject({ code: 'A105', hint: expect.stringContaining('--shape x=1,4') as string })
    expect(found!.hint).toContain('0 in a model stands for')
    const { graph } = importModel(relu('f32[0,4]'), { shapes: { x: [2, 4] } })
    expect(graph.outputs[0]!.value.type.shape).toEqual([2, 4])
    expect(diagnosticsOf(relu('f32[0,4]'), { shapes: { x: [0, 4] } })).toEqual([])
  })

  it('hints can be followed', () => {
    for (const type of ['f32', 'f32[?,4]', 'f32[batch,4]', 'f32[batch,?]']) {
      const [{ hint = '' }] = diagnosticsOf(relu(type)) as [Diagnostic]
      const shapes = Object.fromEntries(
        [...hint.matchAll(/--shape (\w+)=([\d,]+)/g)].map(([, name, dims]) => [name, dims!.split(',').map(Number)]),
      )
      const dims = Object.fromEntries([...hint.matchAll(/--dim (\w+)=(\d+)/g)].map(([, name, d]) => [name, Number(d)]))
      expect([type, hint, diagnosticsOf(relu(type), { shapes, dims })]).toEqual([type, hint, []])
    }
  })

  const floats = (...values: number[]): AttributeValue => ({ floats: values })
  const trees: Record<string, AttributeValue> = {
    ...{ nodes_treeids: [0, 0, 0], nodes_nodeids: [0, 1, 2], nodes_featureids: [12, 40, 40] },
    ...{ nodes_values: floats(1, 0, 0), nodes_modes: { strings: ['BRANCH_LEQ', 'LEAF', 'LEAF'] } },
    ...{ nodes_truenodeids: [1, 0, 0], nodes_falsenodeids: [2, 0, 0], n_targets: 1 },
    ...{ target_treeids: [0, 0], target_nodeids: [1, 2], target_ids: [0, 0], target_weights: floats(1, 2) },
  }

  it.each([
    ['f32', '--shape x=1,13'],
    ['f32[?,?]', '--shape x=1,13'],
    ['f32[n,?]', '--shape x=1,13'],
    ['f32[n,features]', '--dim n=1 --dim features=13'],
  ])('the width that trees read is said for %s', (type, flags) => {
    const bytes = model(
      {
        inputs: [`x ${type}`],
        outputs: ['y'],
        nodes: [
          node('c = Cast(x)', { attributes: { to: 1 } }),
          node('y = TreeEnsembleRegressor(c)', { domain: 'ai.onnx.ml', attributes: trees }),
        ],
      },
      { opsetImport: [{ version: 17 }, { domain: 'ai.onnx.ml', version: 3 }] },
    )
    const [found] = diagnosticsOf(bytes)
    expect(found!.hint).toContain(flags)
    expect(found!.hint).toContain('the trees read features up to 12')
  })

  it('the width of a linear model is that of its weights', () => {
    const attributes = { coefficients: floats(1, 2, 3, 4, 5, 6), targets: 2 }
    const bytes = model(
      {
        inputs: ['x f32[?,?]'],
        outputs: ['y'],
        nodes: [node('y = LinearRegressor(x)', { domain: 'ai.onnx.ml', attributes })],
      },
      { opsetImport: [{ version: 17 }, { domain: 'ai.onnx.ml', version: 1 }] },
    )
    expect(diagnosticsOf(bytes)[0]!.hint).toContain('--shape x=1,3')
  })

  it('a size of 0 that leaves nothing is refused', () => {
    const [found] = diagnosticsOf(relu('f32[batch,4]'), { dims: { batch: 0 } })
    expect(found).toMatchObject({ code: 'A106', hint: expect.stringContaining('--dim batch=1') as string })
    // A cache that is empty at first is none of those.
    const joined = model({
      inputs: ['x f32[1,4]', 'cache f32[past,4]'],
      outputs: ['y'],
      nodes: [node('y = Concat(cache, x)', { attributes: { axis: 0 } })],
    })
    expect(diagnosticsOf(joined, { dims: { past: 0 } })).toEqual([])
  })

  it('what must be a constant is said with the option that makes it one', () => {
    const bytes = model({ inputs: ['x f32[4]', 's i64[1]'], outputs: ['y'], nodes: ['y = Reshape(x, s)'] })
    expect(diagnosticsOf(bytes)[0]!.hint).toContain('--bind s=VALUE, where a value is a number or a file')
  })
})

describe('names', () => {
  it('an output named twice is one output, with a warning', async () => {
    const bytes = model({ inputs: ['x f32[2]'], outputs: ['y', 'y'], nodes: ['y = Relu(x)'] })
    const { graph, warnings } = importModel(bytes)
    expect(graph.outputs.map(({ name }) => name)).toEqual(['y'])
    expect(warnings).toMatchObject([{ code: 'A108' }])
    const compiled = await compile(bytes, { targets: ['simd'] })
    expect(compiled.spec.outputs.map(({ name }) => name)).toEqual(['y'])
    expect(compiled.warnings).toEqual(warnings)
  })

  it('an input named twice is refused', () => {
    const bytes = model({ inputs: ['x f32[2]', 'x f32[2]'], outputs: ['y'], nodes: ['y = Relu(x)'] })
    expect(diagnosticsOf(bytes)).toMatchObject([{ code: 'A102' }])
  })

  it('an output without a type has the one that is inferred', () => {
    const bytes = model({ inputs: ['x f32[2]'], outputs: ['y'], nodes: ['y = Shape(x)'] })
    expect(importModel(bytes).graph.outputs[0]!.value.type).toEqual({ dtype: 'i64', shape: [1] })
  })
})

describe('opsets', () => {
  it('one that is newer than any that is known is a warning', () => {
    const at = (version: number, ml: number): readonly Diagnostic[] => {
      const opsetImport = [{ version }, { domain: 'ai.onnx.ml', version: ml }, { domain: 'mine', version: 900 }]
      return importModel(model({ inputs: ['x f32[2]'], outputs: ['y'], nodes: ['y = Relu(x)'] }, { opsetImport }))
        .warnings
    }
    expect(at(17, 3)).toEqual([])
    const [first, second] = at(99, 98)
    expect(first).toMatchObject({ code: 'A107', message: expect.stringContaining('opset 99 of ai.onnx') as string })
    expect(second).toMatchObject({ code: 'A107', message: expect.stringContaining('98 of ai.onnx.ml') as string })
  })
})

it('operators of PyTorch’s own say how to export instead', () => {
  for (const domain of ['org.pytorch.aten', 'aten']) {
    const nodes = [node('y = ATen(x)', { domain })]
    const bytes = model(
      { inputs: ['x f32[2]'], outputs: ['y'], nodes },
      { opsetImport: [{ version: 17 }, { domain, version: 1 }] },
    )
    const [found] = diagnosticsOf(bytes)
    expect(found).toMatchObject({ code: 'A201', hint: expect.stringContaining('torch.onnx.export') as string })
  }
})

describe('Loop', () => {
  const counting = (rank: string, trips: bigint): number[] => {
    const body = new Uint8Array(
      model({
        inputs: [`i i64${rank}`, `c bool${rank}`],
        outputs: ['c2', 'y f32'],
        nodes: ['c2 = Identity(c)', node('y = Cast(i)', { attributes: { to: 1 } })],
      }),
    )
    const { graph } = onnx.ModelProto.decode(body)
    const bytes = model({
      inputs: ['x f32[1]'],
      outputs: ['ys'],
      nodes: [node('ys = Loop(n, go)', { attributes: { body: { graph: graph! } } })],
      initializers: [stored('n', tensorOf('i64', [1], [trips])), stored('go', tensorOf('bool', [1], [1]))],
    })
    const { ys } = evaluate(importModel(bytes).graph, { x: tensorOf('f32', [1], [0]) })
    return [...ys!.shape, ...toNumbers(ys!).slice(-2)]
  }

  it('gives the body tensors of one element where it declares those, unrolled and running', () => {
    for (const trips of [4n, 500n]) {
      const last = [Number(trips) - 2, Number(trips) - 1]
      expect(counting('[]', trips)).toEqual([Number(trips), ...last])
      expect(counting('[1]', trips)).toEqual([Number(trips), 1, ...last])
      expect(() => counting('[2]', trips)).toThrow('A205')
    }
  })
})

it('BatchNormalization before opset 14 may name outputs of training that nothing reads', () => {
  const at = (outputs: string[]): Uint8Array =>
    model(
      {
        inputs: ['x f32[1,1,2]', 'one f32[1]', 'zero f32[1]'],
        outputs,
        nodes: ['y, m, v, sm, sv = BatchNormalization(x, one, zero, zero, one)'],
      },
      { opsetImport: [{ version: 7 }] },
    )
  expect(diagnosticsOf(at(['y']))).toEqual([])
  expect(diagnosticsOf(at(['y', 'm']))).toMatchObject([{ code: 'A203' }])
})
