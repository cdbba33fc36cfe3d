import { execFile, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readNpz } from '../../compiler/data/index.ts'
import { compileExample } from '../support/example.ts'

const example = 'examples/deno'
const readme = readFileSync(`${example}/README.md`, 'utf8')
const folder = mkdtempSync(join(tmpdir(), 'attar-deno-'))
const at = (...parts: string[]): string => join(folder, ...parts)
afterAll(() => rmSync(folder, { recursive: true }))
const deno = resolve('node_modules/.bin/deno')
/** Nothing is downloaded, asked or kept. */
const env = { ...process.env, NO_COLOR: '1', DENO_DIR: at('cache'), DENO_NO_UPDATE_CHECK: '1' }

beforeAll(async () => {
  for (const file of ['main.ts', 'deno.json']) cpSync(`${example}/${file}`, at('server', file))
  await compileExample(example, at('server/out'))
})

it.skipIf(!existsSync(deno))('passes Deno’s type checker', async () => {
  await promisify(execFile)(deno, ['check', 'main.ts'], { cwd: at('server'), env })
})

it.skipIf(!existsSync(deno))('reads digits in Deno, without a permission', async () => {
  const [line] = /^ {4}npx deno serve .*$/m.exec(readme)!
  const args = line.trim().split(' ').slice(2)
  expect(args).toEqual(['serve', 'main.ts'])
  // A question for a permission would be a refusal.
  const more = ['--no-prompt', '--host', '127.0.0.1', '--port', '0']
  const server = spawn(deno, ['serve', ...more, 'main.ts'], { cwd: at('server'), env })
  try {
    const url = await new Promise<string>((found, failed) => {
      const lines: string[] = []
      for (const stream of [server.stdout, server.stderr])
        createInterface({ input: stream }).on('line', (line) => {
          lines.push(line)
          const [address] = /http:\/\/127\.0\.0\.1:\d+\//.exec(line) ?? []
          if (address) found(address)
        })
      server.on('exit', () => failed(new Error(lines.join('\n'))))
      server.on('error', failed)
    })
    const { image, y } = readNpz(readFileSync('examples/digits/test.npz'))
    const picture = (i: number) => new Uint8Array(image!.data.subarray(784 * i, 784 * (i + 1)) as Uint8Array)
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
  } finally {
    server.kill()
  }
})
