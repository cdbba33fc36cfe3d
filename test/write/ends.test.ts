import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { CompileError } from '../../compiler/core/diagnostics/diagnostic.ts'
import type { DType } from '../../compiler/core/scalar/dtype.ts'
import { arg, bitcast, convert } from '../../compiler/core/scalar/expr.ts'
import type { Graph } from '../../compiler/core/graph.ts'
import { narrowed } from '../../compiler/core/scalar/small-float.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { decodeModel } from '../../compiler/onnx/decode.ts'
import { importModel } from '../../compiler/onnx/import.ts'
import { writeModel } from '../../compiler/onnx/write/index.ts'
import { writeModel as writeSimplified } from '../../compiler/index.ts'
import { labelsOf, openReference } from '../../compiler/verify/index.ts'
import { model, node, stored } from '../onnx/build.ts'
import { graphOf, inputOf } from '../support/run-graph.ts'
import { expectWritten, noFiles, runByOnnxruntime } from './judge.ts'

const b = new Builder(undefined)

function refusal(graph: Graph): CompileError {
  try {
    writeModel(graph)
  } catch (error) {
    expect(error).toBeInstanceOf(CompileError)
    return error as CompileError
  }
  return expect.fail('it was written')
}

describe('strings', () => {
  it('are strings again at both ends', async () => {
    const { graph, names } = importModel(
      model(
        {
          inputs: ['x i64[3]'],
          nodes: [
            node('s = LabelEncoder(x)', {
              domain: 'ai.onnx.ml',
              attributes: { keys_int64s: [5, 7], values_strings: { strings: ['five', 'seven'] } },
            }),
          ],
          outputs: ['s'],
        },
        {
          opsetImport: [
            { domain: '', version: 17 },
            { domain: 'ai.onnx.ml', version: 2 },
          ],
        },
      ),
    )
    const bytes = writeModel(graph, { ports: names })
    const labels = { inputs: new Map(), outputs: labelsOf([{ name: 's', ...names.outputs['s'] }]) }
    const session = await openReference(bytes, noFiles, labels)
    const { s } = await session.run({ x: tensorOf('i64', [3], [7, 5, 7]) })
    expect([...s!.data].map((i) => labels.outputs.get('s')![Number(i)])).toEqual(['seven', 'five', 'seven'])
    await session.close()
    expect(decodeModel(bytes).graph.outputs[0]!.typeName).toBe('string')
    expect(importModel(bytes).names.outputs['s']?.labels).toEqual(expect.arrayContaining(['five', 'seven']))
  })

  it('of an input are looked up, and others have no place', async () => {
    const x = inputOf('x', 'i32', [3])
    const ports = { inputs: { x: { labels: ['a', 'b'] } }, outputs: {} }
    const bytes = writeModel(graphOf([x], [b.binary('add', x, x)]), { ports })
    expect(decodeModel(bytes).graph.inputs[0]!.typeName).toBe('string')
    const session = await openReference(bytes, noFiles, {
      inputs: new Map([['x', ['b', 'a', 'c']]]),
      outputs: new Map(),
    })
    const { y0 } = await session.run({ x: tensorOf('i32', [3], [0, 1, 2]) })
    expect([...y0!.data]).toEqual([2, 0, -2])
    await session.close()
  })
})

describe('outputs whose size depends on data', () => {
  it('come without padding', async () => {
    const { graph } = importModel(model({ inputs: ['x f32[5]'], nodes: ['y = NonZero(x)'], outputs: ['y'] }))
    expect(graph.outputs.length).toBe(2)
    const x = tensorOf('f32', [5], [0, 3, 0, 1, 0])
    const bytes = await expectWritten(graph, { x })
    expect(decodeModel(bytes).graph.outputs.map((o) => [o.name, o.shape])).toEqual([['y', [1, undefined]]])
    const { y } = await runByOnnxruntime(bytes, { x })
    expect([...y!.data]).toEqual([1n, 3n])
  })
})

describe('types', () => {
  it('of four bits are stored as such', async () => {
    const q = b.constant(
      tensorOf(
        'i4',
        [3, 27],
        Array.from({ length: 81 }, (_, i) => (i % 16) - 8),
      ),
    )
    const x = inputOf('x', 'f32', [2, 3])
    const weights = b.map([q], (e) => convert(e!, 'f32'))
    const y = b.dotGeneral(x, b.binary('mul', weights, b.scalar(0.5, 'f32')), {
      ...{ lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] },
    })
    const bytes = await expectWritten(graphOf([x], [y]), { x: tensorOf('f32', [2, 3], [1, 2, 3, 4, 5, 6]) })
    const decoded = decodeModel(bytes)
    expect([...decoded.graph.initializers.values()].map((t) => t().dtype)).toContain('i4')
    expect(decoded.opsets.get('')).toBe(21)
  })

  it('decide the opset', () => {
    const opset = (from: DType, to: DType): number | undefined => {
      const x = inputOf('x', from, [2])
      return decodeModel(writeModel(graphOf([x], [b.map([x], () => bitcast(arg(0, from), to))]))).opsets.get('')
    }
    expect([opset('i32', 'u32'), opset('f32', 'i32')]).toEqual([18, 26])
    const narrow = narrowed(arg(0, 'f32'), 'f8e4m3fn')
    const x = inputOf('x', 'f32', [2])
    expect(decodeModel(writeModel(graphOf([x], [b.map([x], () => narrow)]))).opsets.get('')).toBe(26)
  })
})

describe('what ONNX has no form for', () => {
  const own = new Builder({ node: 'mine', operator: 'Mine', opset: 1 })

  it('is told with its node, all of it at once', () => {
    const x = inputOf('x', 'i32', [4])
    const attrs = {
      ...{ updateWindowDims: [], insertedWindowDims: [0], inputBatchingDims: [], scatterIndicesBatchingDims: [] },
      ...{ scatterDimsToOperandDims: [0], indexVectorDim: 1 },
    }
    const indices = b.constant(tensorOf('i32', [4], [0, 1, 2, 3]))
    const masked = own.scatter(x, indices, x, { ...attrs, kind: 'and' })
    const rows = inputOf('r', 'f64', [2, 2])
    const leaves = own.decisionTrees(rows, {
      thresholds: b.constant(tensorOf('f64', [0], [])),
      features: b.constant(tensorOf('i32', [0], [])),
      next: b.constant(tensorOf('i32', [0, 2], [])),
      missing: b.constant(tensorOf('u8', [0], [])),
      roots: b.constant(tensorOf('i32', [1], [-1])),
    })
    const { diagnostics } = refusal(graphOf([x, rows], [b.unary('neg', masked), leaves]))
    expect(diagnostics.map(({ code, message, origin }) => [code, message, origin?.node])).toEqual([
      ['A402', 'ONNX has no scatter that combines i32 by and', 'mine'],
      ['A402', 'TreeEnsembleRegressor does not take f64', 'mine'],
    ])
  })

  it('includes windows of integers beyond all bounds', () => {
    const x = inputOf('x', 'i64', [4096])
    const window = [{ size: 2000, stride: 1, dilation: 1, low: 0, high: 0, baseDilation: 1 }]
    expect(refusal(graphOf([x], [own.reduceWindow('max', x, window)])).message).toContain('2000 elements')
  })
})

it('is simplified by the public function, for one batch size and for any', async () => {
  const text = {
    inputs: ['x f32[n,2,4,4]'],
    nodes: ['a = Conv(x, w)', 'y = BatchNormalization(a, s, s, s, s)'],
    initializers: [
      stored('w', tensorOf('f32', [3, 2, 1, 1], [1, 2, 3, 4, 5, 6])),
      stored('s', tensorOf('f32', [3], [1, 2, 3])),
    ],
    outputs: ['y'],
  }
  const graph = (n: number): Graph => importModel(model(text), { dims: { n } }).graph
  const operators = (bytes: Uint8Array): string[] => decodeModel(bytes).graph.nodes.map((n) => n.operator)
  expect(operators(await writeSimplified(graph(1)))).toEqual(['Conv'])
  const any = await writeSimplified(graph, { dimension: 'images' })
  expect(decodeModel(any).graph.inputs[0]!.shape).toEqual(['images', 2, 4, 4])
})
