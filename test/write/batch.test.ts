import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { CompileError } from '../../compiler/core/diagnostics/diagnostic.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { binary } from '../../compiler/core/scalar/expr.ts'
import type { Graph, Value } from '../../compiler/core/graph.ts'
import { trivialWindow } from '../../compiler/core/ops/window.ts'
import { regionArgument } from '../../compiler/core/region.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { decodeModel } from '../../compiler/onnx/decode.ts'
import { importModel } from '../../compiler/onnx/import.ts'
import { writeBatchedModel } from '../../compiler/onnx/write/index.ts'
import { simplify } from '../../compiler/passes/index.ts'
import { model, node, stored, type GraphText } from '../onnx/build.ts'
import { Random } from '../support/random.ts'
import { expectClose, graphOf, inputOf, randomTensor } from '../support/run-graph.ts'
import { randomInputs, runByOnnxruntime } from './judge.ts'

const b = new Builder(undefined)
const random = new Random(11)

/** Writes the graphs as one model, which must give what each of them gives, and be read again for each size. */
async function expectAnyBatch(of: (batch: number) => Graph, tolerance = 1e-5): Promise<Uint8Array> {
  const bytes = writeBatchedModel(of)
  for (const size of [1, 2, 5]) {
    const graph = of(size)
    const inputs = randomInputs(graph, random)
    const expected = evaluate(graph, inputs)
    const shapes = Object.fromEntries(Object.entries(inputs).map(([name, t]) => [name, t.shape]))
    const again = evaluate(importModel(bytes, { shapes }).graph, inputs)
    const judged = await runByOnnxruntime(bytes, inputs)
    for (const [name, value] of Object.entries(expected)) {
      expectClose(again[name]!, value, tolerance)
      expectClose(judged[name]!, value, tolerance)
    }
  }
  return bytes
}

/** Imports a model whose inputs have an axis `n`. */
const imported =
  (text: GraphText) =>
  (batch: number): Graph =>
    simplify(importModel(model(text), { dims: { n: batch } }).graph)

const weights = (name: string, shape: readonly number[]) => stored(name, randomTensor(random, 'f32', shape))

/** A graph of one input, x f32[batch, …]. */
const on =
  (rest: readonly number[], make: (x: Value, batch: number) => Value | readonly Value[]) =>
  (batch: number): Graph => {
    const x = inputOf('x', 'f32', [batch, ...rest])
    return graphOf([x], [make(x, batch)].flat())
  }

const refusal = (of: (batch: number) => Graph): string => {
  try {
    writeBatchedModel(of)
  } catch (error) {
    expect(error).toBeInstanceOf(CompileError)
    return (error as CompileError).message
  }
  return expect.fail('it was written')
}

describe('models of any batch size', () => {
  it('convolutions and what flattens them', async () => {
    const bytes = await expectAnyBatch(
      imported({
        inputs: ['x f32[n,3,8,8]'],
        nodes: [
          node('a = Conv(x, w)'),
          'r = Relu(a)',
          node('p = MaxPool(r)', { attributes: { kernel_shape: [2, 2], strides: [2, 2] } }),
          node('f = Flatten(p)', { attributes: { axis: 1 } }),
          node('g = Gemm(f, v, c)'),
          node('y = Softmax(g)', { attributes: { axis: 1 } }),
        ],
        initializers: [weights('w', [4, 3, 3, 3]), weights('v', [36, 5]), weights('c', [5])],
        outputs: ['y'],
      }),
    )
    const { graph } = decodeModel(bytes)
    expect(graph.inputs[0]!.shape).toEqual(['batch', 3, 8, 8])
    expect(graph.outputs[0]!.shape).toEqual(['batch', 5])
    const operators = graph.nodes.map((n) => n.operator)
    expect(operators.filter((o) => o !== 'Shape').join(' ')).toBe('Conv Relu MaxPool Reshape Gemm Softmax')
    const shape = [...graph.initializers].find(([name]) => name.includes('shape'))![1]()
    expect([...shape.data]).toEqual([-1n, 36n])
  })

  it('attention with heads, and a loop over time', async () => {
    await expectAnyBatch(
      imported({
        inputs: ['x f32[n,6,8]'],
        nodes: [
          'q = MatMul(x, w)',
          'h = Reshape(q, heads)',
          node('t = Transpose(h)', { attributes: { perm: [0, 2, 1, 3] } }),
          node('k = Transpose(h)', { attributes: { perm: [0, 2, 3, 1] } }),
          's = MatMul(t, k)',
          node('p = Softmax(s)', { attributes: { axis: -1 } }),
          'o = MatMul(p, t)',
          node('m = Transpose(o)', { attributes: { perm: [0, 2, 1, 3] } }),
          'z = Reshape(m, flat)',
          node('l = Transpose(z)', { attributes: { perm: [1, 0, 2] } }),
          node('u, v, c = LSTM(l, lw, lr)', { attributes: { hidden_size: 4 } }),
          'y = Squeeze(v)',
        ],
        initializers: [
          ...[weights('w', [8, 8]), weights('lw', [1, 16, 8]), weights('lr', [1, 16, 4])],
          stored('heads', { dtype: 'i64', shape: [4], data: BigInt64Array.of(0n, 6n, 2n, 4n) }),
          stored('flat', { dtype: 'i64', shape: [3], data: BigInt64Array.of(0n, 6n, 8n) }),
        ],
        outputs: ['v', 'u'],
      }),
    )
  })

  it('statistics over the batch', async () => {
    await expectAnyBatch(
      on([4], (x) => {
        const mean = b.mean(x, [0], true)
        return [b.binary('sub', x, mean), b.mean(x, [0, 1], false), b.reduce('max', x, [0])]
      }),
    )
  })

  it('what is repeated, cut, padded, counted and looked up along it', async () => {
    const token = b.constant(randomTensor(random, 'f32', [1, 1, 3]))
    const table = b.constant(
      tensorOf(
        'f32',
        [100],
        Array.from({ length: 100 }, (_, i) => i * i),
      ),
    )
    const bytes = await expectAnyBatch(
      on([2, 3], (x, n) => [
        b.concatenate([b.broadcast(token, [n, 1, 3]), x], 1),
        b.constant(tensorOf('f32', [n, 2], new Array<number>(2 * n).fill(1.5))),
        b.concatenate([x, x, b.sliceAxis(x, 0, 0, 1)], 0),
        b.slice(x, [n - 1, 0, 0], [n, 2, 3], [-1, 1, 1]),
        b.pad(x, b.scalar(0, 'f32'), [1, 0, 0], [2, 0, 0]),
        b.iota('f32', [n, 2], 0),
        b.take(
          table,
          b.constant(
            tensorOf(
              'i32',
              [n],
              Array.from({ length: n }, (_, i) => 3 * i),
            ),
          ),
          0,
        ),
        b.reshape(x, [n * 2, 3]),
        b.reshape(b.transpose(x, [1, 0, 2]), [2, n * 3]),
        b.reshape(x, [1, n, 6]),
        b.cumulate(x, { kind: 'add', axis: 0, exclusive: false, reverse: true }),
        b.broadcastInDim(b.reshape(x, [n, 6]), [n, 4, 6], [0, 2]),
      ]),
    )
    const dims = decodeModel(bytes).graph.outputs.map((o) => o.shape?.join())
    expect(dims.slice(0, 3)).toEqual(['batch,3,3', 'batch,2', '2 * batch + 1,2,3'])
  })

  it('loops and branches over it', async () => {
    await expectAnyBatch(
      on([3], (x, n) => {
        const [state, slice] = [regionArgument('f32', [3]), regionArgument('f32', [3])]
        const { carried, stacked, count } = b.while({
          trips: n,
          iteration: regionArgument('i32', []),
          carried: [{ initial: b.full(0, 'f32', [3]), argument: state, next: b.binary('add', state, slice) }],
          scanInputs: [{ value: x, argument: slice, axis: 0, reverse: true }],
          scanOutputs: [{ slice: b.binary('mul', slice, state), axis: 1, reverse: true }],
        })
        return [...carried, ...stacked, count]
      }),
    )
  })

  it('windows that move along it', async () => {
    const window = [{ ...trivialWindow, size: 2, stride: 2, high: 1 }, trivialWindow]
    await expectAnyBatch(on([3], (x) => [b.reduceWindow('max', x, window), b.reduceWindow('add', x, window)]))
  })

  it('names the node that forbids it', () => {
    const origin = { node: 'positions', operator: 'Constant', opset: 17 }
    const own = new Builder(origin)
    const message = refusal(
      on([3], (x, n) => own.binary('add', x, b.constant(randomTensor(new Random(n), 'f32', [n, 3])))),
    )
    expect(message).toContain('A402')
    expect(message).toContain('"positions"')
    expect(message).toContain('input 1 of Add is a constant of f32')
    expect(
      refusal(on([3], (x, n) => own.argreduce(b.reshape(x, [3, n]), { kind: 'max', axis: n % 2, last: false }))),
    ).toMatch(/attribute "axis"|operators/)
    const fixed = graphOf([inputOf('x', 'f32', [3])], [])
    expect(refusal(() => fixed)).toContain('no input has an axis of the length of the batch')
    const depends = on([3], (x, n) => (n % 3 > 0 ? own.unary('exp', x) : own.unary('abs', x)))
    expect(refusal(depends)).toContain('its size decides which operators compute this node')
  })

  it('computes maps of it in the type they have', async () => {
    await expectAnyBatch(
      on([3], (x, n) => b.map([x], (e) => binary('mul', e!, { kind: 'const', dtype: 'f32', value: n }))),
    )
  })
})
