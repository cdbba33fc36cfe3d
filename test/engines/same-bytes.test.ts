import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { tensorOf, type Tensor } from '../../compiler/core/tensor.ts'
import { writeNpz } from '../../compiler/data/index.ts'
import { findCurrentNode } from '../../compiler/verify/child-instance.ts'
import { model, node, stored } from '../onnx/build.ts'
import { Random } from '../support/random.ts'

const current = findCurrentNode()
/** The system's Node: npm scripts find that of the npm package first. */
const system = (process.env['PATH'] ?? '')
  .split(delimiter)
  .filter((folder) => !folder.includes('node_modules'))
  .map((folder) => join(folder, 'node'))
  .find(existsSync)
const relaxed = (executable: string): string =>
  spawnSync(
    executable,
    ['--input-type=module', '-e', "import { target } from './dist/runtime/index.js'; console.log(target)"],
    {
      encoding: 'utf8',
    },
  ).stdout.trim()
const random = new Random(11)
const floats = (shape: readonly number[]): Tensor =>
  tensorOf(
    'f32',
    shape,
    Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () => random.float() - 0.5),
  )

/** The last batch has fewer samples than the others. */
const pictures = 90
const training = `
import { batchNorm, conv, crop, defineConfig, dense, dropout, flatten, flip, maxPool, relu, sequential } from 'attar/config'
export default defineConfig({
  network: sequential([conv(8, 3), batchNorm(), relu(), maxPool(2), conv(8, 3), batchNorm(), relu(), flatten(), dropout(0.2), dense(2)]),
  input: [12, 12, 1],
  data: { train: 'some-images-idx3-ubyte', val: '20%' },
  augment: [flip('horizontal'), crop({ padding: 2 })],
  train: { epochs: 3, batch: 16, optimizer: 'adamw', learningRate: 0.01, clipNorm: 1, average: 0.9, classWeights: 'balanced' },
})`

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'attar-'))
  const network = model({
    inputs: ['x f32[1,8,12,12]'],
    outputs: ['y f32[1,6]'],
    nodes: [
      node('a = Conv(x, w, b)', { attributes: { pads: [1, 1, 1, 1] } }),
      'h = Relu(a)',
      node('c = Conv(h, v)', { attributes: { pads: [1, 1, 1, 1] } }),
      'd = Relu(c)',
      'e = Flatten(d)',
      'y = MatMul(e, u)',
    ],
    initializers: [
      stored('w', floats([12, 8, 3, 3])),
      stored('b', floats([12])),
      stored('v', floats([12, 12, 3, 3])),
      stored('u', floats([12 * 144, 6])),
    ],
  })
  writeFileSync(join(folder, 'model.onnx'), network)
  writeFileSync(join(folder, 'attar.config.ts'), training)
  // IDX (LeCun, Cortes & Burges): pictures of 12 x 12 pixels whose class is the brighter half, and their labels.
  const labels = Array.from({ length: pictures }, () => (random.float() < 0.5 ? 1 : 0))
  const pixels = labels.flatMap((label) =>
    Array.from({ length: 144 }, (_, i) => 100 * random.float() + (i < 72 === (label === 1) ? 100 : 0)),
  )
  const header = (...dims: number[]): number[] => [
    0,
    0,
    8,
    dims.length,
    ...dims.flatMap((d) => [0, 0, d >> 8, d & 255]),
  ]
  writeFileSync(join(folder, 'some-images-idx3-ubyte'), Uint8Array.from([...header(pictures, 12, 12), ...pixels]))
  writeFileSync(join(folder, 'some-labels-idx1-ubyte'), Uint8Array.from([...header(pictures), ...labels]))
  writeFileSync(join(folder, 'data.npz'), writeNpz({ x: floats([30, 8, 12, 12]) }))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** What a command of dist/ writes under a Node, by file. */
function written(executable: string, name: string, [command, ...args]: readonly string[]): Record<string, string> {
  const out = join(folder, name)
  const all = ['dist/compiler/cli/main.js', command!, ...args, '-o', out]
  const { status, stderr } = spawnSync(executable, all, { encoding: 'utf8' })
  expect(stderr.replace(/.*\r/g, '')).toBe('')
  expect(status).toBe(0)
  return Object.fromEntries(readdirSync(out).map((file) => [file, readFileSync(join(out, file), 'latin1')]))
}

it.runIf(current && system && relaxed(system) === 'simd')(
  'quantizes to the same bytes on engines with and without relaxed SIMD',
  () => {
    const args = [
      'compile',
      join(folder, 'model.onnx'),
      '--quantize',
      'int8',
      '--calib',
      join(folder, 'data.npz'),
      '--samples',
      '16',
    ]
    expect(relaxed(current!.path)).toBe('relaxed-simd')
    const here = written(system!, 'here', args)
    const there = written(current!.path, 'there', args)
    expect(Object.keys(there)).toEqual(Object.keys(here))
    expect(Object.keys(here)).toContain('quantization.html')
    for (const [file, content] of Object.entries(here)) expect(there[file] === content, file).toBe(true)
  },
)

it.runIf(current && system && relaxed(system) === 'simd').each([
  ['whole batches', [[1], [1]]],
  [
    'micro-batches',
    [
      [1, 2],
      [2, 1],
    ],
  ],
] as const)('trains to the same bytes on engines with and without relaxed SIMD: %s', (name, [here, there]) => {
  const results = [
    ...here.map((workers) => [system!, workers] as const),
    ...there.map((workers) => [current!.path, workers] as const),
  ].map(([executable, workers], i) => {
    const more = name === 'micro-batches' ? ['--accumulate', '2', '--workers', `${workers}`] : []
    return written(executable, `${name} ${i}`, ['train', join(folder, 'attar.config.ts'), ...more])
  })
  const [first, ...others] = results
  for (const other of others)
    for (const file of ['model.onnx', 'checkpoint.npz']) expect(other[file] === first![file], file).toBe(true)
  const { history } = JSON.parse(first!['report.json']!) as { history: { train: { accuracy: number } }[] }
  expect(history.at(-1)!.train.accuracy).toBeGreaterThan(0.7)
})
