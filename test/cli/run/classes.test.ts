import { writeFileSync } from 'node:fs'
import { beforeAll, expect, it } from 'vitest'
import { tensorOf } from '../../../compiler/core/tensor.ts'
import { writeNpz } from '../../../compiler/data/index.ts'
import { model, stored } from '../../onnx/build.ts'
import { commandLine } from '../../support/command-line.ts'

const { at, attar, out, err, json } = commandLine()
const names = ['ant', 'bee', 'cat', 'dog', 'eel', 'fox']

beforeAll(async () => {
  const nodes = ['s = Mul(x, two)']
  const two = stored('two', tensorOf('f32', [], [2]))
  const scores = model({ inputs: ['x f32[1,6]'], outputs: ['s f32[1,6]'], nodes, initializers: [two] })
  writeFileSync(at('scores.onnx'), scores)
  const pictures = model({
    inputs: ['x f32[1,1,1,6]'],
    outputs: ['s f32[1,1,1,6]'],
    nodes,
    initializers: [two],
  })
  writeFileSync(at('pictures.onnx'), pictures)
  const matrix = stored(
    'w',
    tensorOf(
      'f32',
      [6, 32],
      Float32Array.from({ length: 192 }, (_, i) => (i % 17) - 8),
    ),
  )
  const dense = {
    inputs: ['x f32[1,6]'],
    outputs: ['s f32[1,32]'],
    nodes: ['s = MatMul(x, w)'],
    initializers: [matrix],
  }
  writeFileSync(at('dense.onnx'), model(dense))
  const args = ['--pixels', '--classify', 'softmax', '--classes', names.join()]
  expect(await attar('compile', at('pictures.onnx'), '-o', at('out'), ...args), err.join('\n')).toBe(0)
  expect(await attar('compile', at('scores.onnx'), '-o', at('plain'))).toBe(0)
})

it('prints the classes of a classifier, the best first', async () => {
  const input = ['--input', 'x=[[[[0,1,0,2,0,0]]]]']
  expect(await attar('run', at('out/model.wasm'), ...input), err.join('\n')).toBe(0)
  const sum = 4 + Math.exp(2) + Math.exp(4)
  const [dog, bee, none] = [Math.exp(4), Math.exp(2), 1].map((x) => (x / sum).toPrecision(4))
  expect(out.join('\n').split('\n').slice(1)).toEqual([
    'class  softmax of s',
    ...[
      `dog          ${dog}`,
      `bee          ${bee}`,
      `ant         ${none}`,
      `cat         ${none}`,
      `eel         ${none}`,
    ],
    'and 1 more',
  ])
  out.length = 0
  expect(await attar('run', at('out/model.wasm'), ...input, '--json')).toBe(0)
  expect(json()).toMatchObject({ outputs: { s: { data: [0, 2, 0, 4, 0, 0], classes: names } } })
  out.length = 0
  expect(await attar('run', at('plain/model.wasm'), '--input', 'x=[[0,1,0,2,0,0]]')).toBe(0)
  expect(out.join('\n')).not.toContain('class')
})

it('says how many names a classifier needs, and what an array of the data is to be called', async () => {
  const args = ['--pixels', '--classify', 'softmax', '--classes', 'ant,bee']
  expect(await attar('compile', at('pictures.onnx'), '-o', at('no'), ...args)).toBe(2)
  expect(err.join('\n')).toContain(
    'there are 2 names of classes, but no output has one number for each; output "s" has 6 numbers',
  )
  err.length = 0
  const other = tensorOf('f32', [2, 3], [1, 2, 3, 4, 5, 6])
  writeFileSync(at('data.npz'), writeNpz({ a: other, b: other }))
  expect(
    await attar('compile', at('scores.onnx'), '-o', at('no'), '--quantize', 'int8', '--calib', at('data.npz')),
  ).toBe(2)
  expect(err.join('\n')).toMatch(/no array "x"; it has "?a"?, "?b"?\n[^]*call the one for this input "x"/)
})

it('shows of weights in 8 bits what there is to show', async () => {
  expect(await attar('compile', at('dense.onnx'), '-o', at('eight'), '--quantize', 'weights'), err.join('\n')).toBe(0)
  const text = out.join('\n')
  expect(text).toContain('weights: no samples were needed')
  expect(text).not.toMatch(/calibrated on 0|noise alone/)
})
