import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll } from 'vitest'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { model, node, stored } from '../onnx/build.ts'

/** A dense layer of `scale` times whole numbers, so that its results are exact: x W, where W[i][j] = i + j - 2. */
export const tiny = (scale = 1): Uint8Array =>
  model({
    inputs: ['x f32[n,4]'],
    outputs: ['y f32[n,8]'],
    nodes: [node('y = MatMul(x, w)', { name: 'dense' })],
    initializers: [
      stored(
        'w',
        tensorOf(
          'f32',
          [4, 8],
          Array.from({ length: 32 }, (_, k) => scale * (Math.floor(k / 8) + (k % 8) - 2)),
        ),
      ),
    ],
  })

/** What the model makes of 1, 2, 3, 4. */
export const expected = [0, 10, 20, 30, 40, 50, 60, 70]

/** An input's shape that does not go with the weights. */
export const misfit = model({
  inputs: ['x f32[n,5]'],
  outputs: ['y f32[n,3]'],
  nodes: [node('y = MatMul(x, w)', { name: 'dense' })],
  initializers: [
    stored(
      'w',
      tensorOf(
        'f32',
        [4, 3],
        Array.from({ length: 12 }, () => 1),
      ),
    ),
  ],
})

/** A script that imports a model and exports what it makes of 1, 2, 3, 4. */
export const entry = (specifier: string): string => `import { load, spec } from ${JSON.stringify(specifier)}
const model = await load()
export const answer = Array.from(model.run({ x: [1, 2, 3, 4] }).y)
export const hash = spec.hash
`

/** A project in a folder that stays until the tests are over. */
export function project() {
  const folder = mkdtempSync(join(tmpdir(), 'attar-plugin-'))
  const at = (...parts: string[]): string => join(folder, ...parts)
  afterAll(() => rmSync(folder, { recursive: true }))
  writeFileSync(at('package.json'), '{ "type": "module" }')
  mkdirSync(at('src'))
  return {
    folder,
    at,
    /** Compilations that are kept. */
    cached: (): string[] => readdirSync(at('node_modules/.cache/attar')).sort(),
    /** What a script that a bundler wrote exports as `answer`, in a process of its own. */
    async answer(file: string): Promise<unknown> {
      const code = `const { answer } = await import(${JSON.stringify(file)}); console.log(JSON.stringify(answer))`
      const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code])
      return JSON.parse(stdout)
    },
  }
}
