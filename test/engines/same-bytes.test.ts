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
  writeFileSync(join(folder, 'data.npz'), writeNpz({ x: floats([30, 8, 12, 12]) }))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** What the command line of dist/ writes under a Node, by file. */
function written(executable: string, name: string, args: readonly string[]): Record<string, string> {
  const out = join(folder, name)
  const all = ['dist/compiler/cli/main.js', 'compile', join(folder, 'model.onnx'), '-o', out, ...args]
  const { status, stderr } = spawnSync(executable, all, { encoding: 'utf8' })
  expect(stderr.replace(/.*\r/g, '')).toBe('')
  expect(status).toBe(0)
  return Object.fromEntries(readdirSync(out).map((file) => [file, readFileSync(join(out, file), 'latin1')]))
}

it.runIf(current && system && relaxed(system) === 'simd')(
  'quantizes to the same bytes on engines with and without relaxed SIMD',
  { timeout: 240_000 },
  () => {
    const args = ['--quantize', 'int8', '--calib', join(folder, 'data.npz'), '--samples', '16']
    expect(relaxed(current!.path)).toBe('relaxed-simd')
    const here = written(system!, 'here', args)
    const there = written(current!.path, 'there', args)
    expect(Object.keys(there)).toEqual(Object.keys(here))
    expect(Object.keys(here)).toContain('quantization.html')
    for (const [file, content] of Object.entries(here)) expect(there[file] === content, file).toBe(true)
  },
)
