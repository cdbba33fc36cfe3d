import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { cpSync, readFileSync, mkdtempSync, rmSync } from 'node:fs'
import { build } from 'esbuild'
import ts from 'typescript'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readNpz } from '../../compiler/data/index.ts'
import { withWorker, workerdPath } from '../support/engines/workerd.ts'
import { compileExample } from '../support/example.ts'

const example = 'examples/worker'
const folder = mkdtempSync(join(tmpdir(), 'attar-worker-'))
const at = (...parts: string[]): string => join(folder, ...parts)
afterAll(() => rmSync(folder, { recursive: true }))

beforeAll(async () => {
  for (const file of ['src', 'tsconfig.json', 'wrangler.jsonc'])
    cpSync(`${example}/${file}`, at('worker', file), { recursive: true })
  await compileExample(example, at('worker/out'))
})

it('passes the type checker with its own configuration', () => {
  const { config } = ts.readConfigFile(at('worker/tsconfig.json'), ts.sys.readFile)
  const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, at('worker'))
  expect(fileNames).toEqual([at('worker/src/index.ts')])
  const found = ts.getPreEmitDiagnostics(ts.createProgram(fileNames, options))
  expect(found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '))).toEqual([])
})

it.skipIf(workerdPath() === undefined)('reads digits in workerd', async () => {
  const { config } = ts.readConfigFile(at('worker/wrangler.jsonc'), ts.sys.readFile)
  const { main, compatibility_date: date } = config as Record<string, string>
  // As wrangler does: one script, and modules of WebAssembly beside it.
  const { outputFiles } = await build({
    entryPoints: [at('worker', main!)],
    ...{ bundle: true, format: 'esm', target: 'es2022', write: false, external: ['*.wasm'] },
  })
  const { image, y } = readNpz(readFileSync('examples/digits/test.npz'))
  const picture = (i: number) => new Uint8Array(image!.data.subarray(784 * i, 784 * (i + 1)) as Uint8Array)
  await withWorker(
    at('run'),
    { name: 'src/index.js', text: outputFiles[0]!.text },
    { 'out/model.relaxed.wasm': at('worker/out/model.relaxed.wasm') },
    async (url) => {
      const read = async (body: Uint8Array<ArrayBuffer>) => fetch(url, { method: 'POST', body })
      let right = 0
      for (let i = 0; i < 100; i++) {
        const { digit, probability } = (await (await read(picture(i))).json()) as Record<string, number>
        expect(probability).toBeGreaterThan(0.1)
        right += Number(digit === y!.data[i])
      }
      expect(right).toBeGreaterThanOrEqual(97)
      const wrong = await read(new Uint8Array(12))
      expect([wrong.status, await wrong.json()]).toEqual([400, { error: 'a picture has 28 × 28 bytes, got 12' }])
      expect((await fetch(url)).status).toBe(405)
    },
    date,
  )
})
