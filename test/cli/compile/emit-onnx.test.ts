import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { beforeEach, expect, it } from 'vitest'
import { writeNpz } from '../../../compiler/data/index.ts'
import { decodeModel } from '../../../compiler/onnx/decode.ts'
import { model, node, stored } from '../../onnx/build.ts'
import { commandLine } from '../../support/command-line.ts'
import { Random } from '../../support/random.ts'
import { randomTensor } from '../../support/run-graph.ts'
import { runByOnnxruntime } from '../../write/judge.ts'

const random = new Random(5)
const floats = (shape: number[]) => randomTensor(random, 'f32', shape)

/** Eight of sixteen channels are 0 for every input. */
const kernel = floats([16, 3, 3, 3])
kernel.data.fill(0 as never, 4 * 27, 12 * 27)
const network = model({
  inputs: ['image f32[1,3,8,8]'],
  outputs: ['scores f32[1,2]'],
  nodes: [
    node('a = Conv(image, w)', { name: 'conv', attributes: { pads: [1, 1, 1, 1] } }),
    'c = Relu(a)',
    'd = Flatten(c)',
    node('scores = MatMul(d, v)', { name: 'classes' }),
  ],
  initializers: [stored('w', kernel), stored('v', floats([1024, 2]))],
})

const { at, out, err, attar } = commandLine()

writeFileSync(at('model.onnx'), network)
writeFileSync(at('data.npz'), writeNpz({ image: floats([20, 3, 8, 8]) }))
beforeEach(() => rmSync(at('out'), { recursive: true, force: true }))

const written = (path: string) => decodeModel(readFileSync(path)).graph

it('writes the model without channels that are always the same', async () => {
  expect(await attar('compile', at('model.onnx'), '-o', at('out'), '--emit-onnx', at('out', 'small.onnx'))).toBe(0)
  const { nodes, initializers, inputs, outputs } = written(at('out', 'small.onnx'))
  expect(nodes.map((n) => n.operator)).toEqual(['Conv', 'Relu', 'Reshape', 'MatMul'])
  expect([...initializers.values()].map((t) => t().shape)).toContainEqual([8, 3, 3, 3])
  expect([inputs[0]!.name, outputs[0]!.name]).toEqual(['image', 'scores'])
  expect([...initializers.keys()]).toContain('conv.weight')
  expect(out.join('\n')).toContain('small.onnx')
  const image = floats([1, 3, 8, 8])
  const [before, after] = [network, readFileSync(at('out', 'small.onnx'))]
  const [expected, actual] = [await runByOnnxruntime(before, { image }), await runByOnnxruntime(after, { image })]
  expected['scores']!.data.forEach((v, i) => expect(actual['scores']!.data[i]).toBeCloseTo(Number(v), 4))
})

it('writes a quantized model with its integers', async () => {
  const args = ['--quantize', 'int8', '--calib', at('data.npz'), '--emit-onnx', at('q.onnx')]
  expect(await attar('compile', at('model.onnx'), '-o', at('out'), ...args)).toBe(0)
  const { nodes, initializers } = written(at('q.onnx'))
  const operators = nodes.map((n) => n.operator)
  expect(operators).toEqual(expect.arrayContaining(['QuantizeLinear', 'DequantizeLinear', 'Conv', 'MatMul']))
  expect(operators).not.toContain('Round')
  expect([...initializers.values()].map((t) => t().dtype)).toContain('i8')
  const image = floats([1, 3, 8, 8])
  const [expected, actual] = [
    await runByOnnxruntime(network, { image }),
    await runByOnnxruntime(readFileSync(at('q.onnx')), { image }),
  ]
  const spread = Math.max(...[...expected['scores']!.data].map((v) => Math.abs(Number(v))))
  expected['scores']!.data.forEach((v, i) =>
    expect(Math.abs(Number(actual['scores']!.data[i]) - Number(v))).toBeLessThan(0.1 * spread + 0.1),
  )
})

it('keeps the names of weights that stay as they are', async () => {
  const bytes = model({
    inputs: ['x f32[1,4]'],
    outputs: ['y'],
    nodes: ['y = Gemm(x, kernel, shift)'],
    initializers: [stored('kernel', floats([4, 3])), stored('shift', floats([3]))],
  })
  writeFileSync(at('dense.onnx'), bytes)
  expect(await attar('compile', at('dense.onnx'), '-o', at('out'), '--emit-onnx', at('again.onnx'))).toBe(0)
  expect([...written(at('again.onnx')).initializers.keys()]).toEqual(['kernel', 'shift'])
})

it('lists the file and its size with --json', async () => {
  expect(await attar('compile', at('model.onnx'), '-o', at('out'), '--emit-onnx', at('m.onnx'), '--json')).toBe(0)
  const { parts } = JSON.parse(out.join('\n')) as { parts: { part: string; raw: number }[] }
  expect(parts).toContainEqual({ part: at('m.onnx'), raw: readFileSync(at('m.onnx')).length })
})

it.each([
  ['the model itself', () => at('model.onnx'), 'A501'],
  ['what is no name of a model', () => at('out.txt'), 'A501'],
  ['a path below a file', () => at('data.npz', 'm.onnx'), 'A505'],
])('refuses %s before anything is written', async (_, path, code) => {
  expect(await attar('compile', at('model.onnx'), '-o', at('out'), '--emit-onnx', path())).toBe(2)
  expect(err.join('\n')).toContain(code)
  expect(existsSync(at('out'))).toBe(false)
  expect(readFileSync(at('model.onnx'))).toEqual(Buffer.from(network))
})

it('writes nothing where ONNX has no form for the model', async () => {
  const rows = model(
    {
      inputs: ['x f64[2,3]'],
      outputs: ['y'],
      nodes: [
        node('y = TreeEnsembleRegressor(x)', {
          domain: 'ai.onnx.ml',
          attributes: {
            ...{ n_targets: 1, nodes_treeids: [0, 0, 0], nodes_nodeids: [0, 1, 2], nodes_featureids: [1, 0, 0] },
            ...{ nodes_modes: { strings: ['BRANCH_LEQ', 'LEAF', 'LEAF'] }, nodes_values: { floats: [0.5, 0, 0] } },
            ...{ nodes_truenodeids: [1, 0, 0], nodes_falsenodeids: [2, 0, 0] },
            ...{
              target_treeids: [0, 0],
              target_nodeids: [1, 2],
              target_ids: [0, 0],
              target_weights: { floats: [1, 2] },
            },
          },
        }),
      ],
    },
    {
      opsetImport: [
        { domain: '', version: 17 },
        { domain: 'ai.onnx.ml', version: 3 },
      ],
    },
  )
  writeFileSync(at('trees.onnx'), rows)
  expect(await attar('compile', at('trees.onnx'), '-o', at('out'), '--emit-onnx', at('t.onnx'))).toBe(2)
  expect(err.join('\n')).toMatch(/A402 not-in-onnx.*TreeEnsembleRegressor/)
  expect([existsSync(at('out')), existsSync(at('t.onnx'))]).toEqual([false, false])
})
