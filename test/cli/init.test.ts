import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, resolve } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { chromium, type Browser } from 'playwright'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findExecutable } from '../../compiler/bench/engines/process.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { dependency } from '../../compiler/cli/init/dependency.ts'
import { version } from '../../compiler/version.ts'
import { writeNpy } from '../../compiler/data/index.ts'
import { model, node, stored } from '../onnx/build.ts'
import { commandLine } from '../support/command-line.ts'
import { withWorker, workerdPath } from '../support/engines/workerd.ts'

const { at, attar, out, err, json } = commandLine()
const chromiumPath = findExecutable('/usr/bin/chromium', 'chromium', 'chromium-browser', 'google-chrome')

/** Sums of the inputs, of which one is i64, with a dimension that must be given. */
const sums = model({
  inputs: ['x f32[batch,2]', 'n i64[1]'],
  outputs: ['y f32[batch,1]', 'm i64[1]'],
  nodes: [node('y = MatMul(x, w)'), 'm = Add(n, n)'],
  initializers: [stored('w', tensorOf('f32', [2, 1], [1, 1]))],
})

const run = promisify(execFile)

/** A script of a project's package.json, which is all of attar's command line, as npm would run it. */
const script = (folder: string, name: string): Promise<unknown> => {
  const { scripts } = JSON.parse(readFileSync(at(folder, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const env = { ...process.env, PATH: `${at(folder, 'node_modules/.bin')}:${process.env['PATH']}` }
  return run('sh', ['-c', scripts[name]!], { cwd: at(folder), env })
}

/** What `npm install` gives, as far as a test needs it. */
function install(folder: string): void {
  mkdirSync(at(folder, 'node_modules/.bin'), { recursive: true })
  symlinkSync(resolve('.'), at(folder, 'node_modules/attar'))
  symlinkSync(resolve('node_modules/vite'), at(folder, 'node_modules/vite'))
  const launch = (file: string) => `#!/bin/sh\nexec ${process.execPath} ${resolve(file)} "$@"\n`
  const bins = {
    attar: 'dist/compiler/cli/main.js',
    vite: 'node_modules/vite/bin/vite.js',
    tsc: 'node_modules/typescript/bin/tsc',
  }
  for (const [name, file] of Object.entries(bins))
    writeFileSync(at(folder, 'node_modules/.bin', name), launch(file), { mode: 0o755 })
}

beforeAll(() => writeFileSync(at('sums.onnx'), sums))

describe('attar init', () => {
  it('needs what the model needs to be compiled, and writes nothing before', async () => {
    expect(await attar('init', 'page', at('no'), '--model', at('sums.onnx'))).toBe(2)
    expect(err.join('\n')).toMatch(/A105 unbound-dimension[^]*--dim batch=/)
    expect(await attar('init', 'site', at('no'), '--model', at('sums.onnx'))).toBe(2)
    expect(await attar('init', 'page', at('no'), '--model', at('none.onnx'))).toBe(2)
    expect(existsSync(at('no'))).toBe(false)
  })

  it('does not overwrite', async () => {
    mkdirSync(at('mine'))
    writeFileSync(at('mine/index.html'), 'mine')
    err.length = 0
    expect(await attar('init', 'page', at('mine'), '--model', at('sums.onnx'), '--dim', 'batch=1')).toBe(2)
    expect(err.join('\n')).toMatch(/A505 cannot-write\n.*mine" has index\.html already/)
    expect(readdirSync(at('mine'))).toEqual(['index.html'])
  })

  it('takes a model that is in the folder, and says what to do', async () => {
    mkdirSync(at('around'))
    writeFileSync(at('around/model.onnx'), sums)
    const args = ['--model', at('around/model.onnx'), '--shape', 'x=3,2', '--json']
    expect(await attar('init', 'worker', at('around'), ...args)).toBe(0)
    expect(json()).toEqual({
      folder: at('around'),
      files: ['.gitignore', 'README.md', 'index.ts', 'package.json', 'tsconfig.json', 'wrangler.jsonc'],
      commands: [`cd ${at('around')}`, 'npm install', 'npm run dev'],
    })
    expect(readFileSync(at('around/package.json'), 'utf8')).toContain(' --target relaxed-simd --shape x=3,2"')
  })

  it('takes constants, several shapes and bounds, which go into the project', async () => {
    writeFileSync(at('n.npy'), writeNpy(tensorOf('i64', [1], [21n])))
    const sizes = ['--model', at('sums.onnx'), '--shape', 'x=1,2', '--shape', 'x=8,2']
    const scripts = (folder: string): { model: string } =>
      (JSON.parse(readFileSync(at(folder, 'package.json'), 'utf8')) as { scripts: { model: string } }).scripts
    expect(await attar('init', 'page', at('literal'), ...sizes, '--bind', 'n=[21]'), err.join('\n')).toBe(0)
    expect(scripts('literal').model).toBe(
      'attar compile model.onnx -o out/ --shape x=1,2 --shape x=8,2 --bind "n=[21]"',
    )
    expect(await attar('init', 'vite', at('file'), ...sizes, '--bind', `n=${at('n.npy')}`), err.join('\n')).toBe(0)
    expect(readFileSync(at('file/n.npy'))).toEqual(readFileSync(at('n.npy')))
    expect(readFileSync(at('file/main.ts'), 'utf8')).toContain('?attar&shape=x=1,2&shape=x=8,2&bind=n=n.npy')
    expect(await attar('init', 'page', at('bound'), ...sizes.slice(0, 4), '--bound', 'n=3'), err.join('\n')).toBe(0)
    expect(scripts('bound').model).toMatch(/ --bound n=0\.\.3$/)
    err.length = 0
    expect(await attar('init', 'page', at('no'), ...sizes, '--bind', 'n=none.npy')).toBe(2)
    expect(await attar('init', 'page', at('no'), ...sizes, '--bind', 'z=1')).toBe(2)
    expect(await attar('init', 'page', at('no'), ...sizes, '--dim', 'batch=1,2,3')).toBe(2)
    expect(err.join('\n')).toMatch(/A502[^]*none\.npy[^]*A106[^]*"z"[^]*A501[^]*3 values, --shape x has 2/)
    expect(existsSync(at('no'))).toBe(false)
  })

  it('depends on attar as it is installed itself', () => {
    const own = at('app/node_modules/attar')
    mkdirSync(own, { recursive: true })
    expect(dependency(own, at('app/page'))).toBe(`^${version}`)
    const list = (resolved: string): void =>
      writeFileSync(
        at('app/node_modules/.package-lock.json'),
        JSON.stringify({ packages: { 'node_modules/attar': { resolved } } }),
      )
    list('https://registry.npmjs.org/attar/-/attar-0.1.0.tgz')
    expect(dependency(own, at('app/page'))).toBe(`^${version}`)
    list('file:../attar-0.1.0.tgz')
    expect(dependency(own, at('app/page'))).toBe('file:../../attar-0.1.0.tgz')
    expect(dependency(at('checkout'), at('app/page'))).toBe('file:../../checkout')
  })

  it.each(['page', 'vite', 'worker'])('writes a README for %s of files and commands that there are', async (kind) => {
    const folder = `readme-${kind}`
    expect(await attar('init', kind, at(folder), '--model', at('sums.onnx'), '--dim', 'batch=1'), err.join('\n')).toBe(
      0,
    )
    const text = readFileSync(at(folder, 'README.md'), 'utf8')
    const written = ['out/', 'out/model.d.ts', 'models.d.ts', 'dist/']
    const files = [...text.matchAll(/^\| `([^`]+)` \|/gm)].map(([, file]) => file!)
    expect(files.filter((file) => !written.includes(file) && !existsSync(at(folder, file)))).toEqual([])
    const named = readdirSync(at(folder)).filter((file) => !/^(README\.md|\.gitignore|tsconfig\.json)$/.test(file))
    expect(named.filter((file) => !text.includes(`\`${file}\``))).toEqual([])
    const { scripts } = JSON.parse(readFileSync(at(folder, 'package.json'), 'utf8')) as { scripts: object }
    const commands = [...text.matchAll(/npm (?:run )?(start|model|dev|build|check|deploy)/g)].map(([, name]) => name!)
    expect(commands.length).toBeGreaterThan(1)
    expect(commands.filter((name) => !Object.hasOwn(scripts, name))).toEqual([])
    expect(text).toContain('dim')
  })
})

const init = async (kind: string, ...options: string[]): Promise<void> => {
  const more = options.length > 0 ? options : ['--dim', 'batch=1']
  expect(await attar('init', kind, at(kind), '--model', at('sums.onnx'), ...more), err.join('\n')).toBe(0)
  expect(out.join('\n')).toContain('npm install')
  install(kind)
}

it.skipIf(workerdPath() === undefined)('a Worker gives outputs for inputs', async () => {
  await init('worker')
  await script('worker', 'model')
  const { config } = ts.readConfigFile(at('worker/tsconfig.json'), ts.sys.readFile)
  const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, at('worker'))
  const found = ts.getPreEmitDiagnostics(ts.createProgram(fileNames, options))
  expect(found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '))).toEqual([])
  const { outputFiles } = await build({
    entryPoints: [at('worker/index.ts')],
    ...{ bundle: true, format: 'esm', target: 'es2022', write: false, external: ['*.wasm'] },
  })
  const files = { 'out/model.relaxed.wasm': at('worker/out/model.relaxed.wasm') }
  await withWorker(at('run'), { name: 'index.js', text: outputFiles[0]!.text }, files, async (url) => {
    const post = async (body: string) => {
      const response = await fetch(url, { method: 'POST', body })
      return [response.status, await response.json()]
    }
    expect(await post('{ "x": [3, 4.5], "n": [21] }')).toEqual([200, { y: [7.5], m: [42] }])
    expect(await post('{ "x": [3] }')).toEqual([400, { error: expect.stringContaining('input "x"') as string }])
    expect(await post('{')).toEqual([400, { error: expect.stringContaining('JSON') as string }])
    expect(await (await fetch(url)).json()).toMatchObject({ inputs: [{ name: 'x', shape: [1, 2] }, { name: 'n' }] })
  })
})

describe.skipIf(chromiumPath === undefined)('in Chromium', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: chromiumPath!, args: ['--no-sandbox', '--disable-gpu'] })
  })
  afterAll(() => browser.close())

  it.each([
    ['page', 'model', '', '0', []],
    ['vite', 'check', 'dist', '42', ['--dim', 'batch=1,2', '--bind', 'n=[21]']],
  ])('the project "%s" shows what its model gives', async (kind, step, folder, sum, options) => {
    await init(kind, ...options)
    // The types that TypeScript checks with are written by the build.
    await script(kind, step)
    const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' }
    const server = createServer(({ url = '/' }, response) => {
      const file = at(kind, folder, url === '/' ? 'index.html' : url.slice(1))
      response.writeHead(existsSync(file) ? 200 : 404, { 'Content-Type': types[extname(file)] ?? 'application/wasm' })
      response.end(existsSync(file) ? readFileSync(file) : '')
    })
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    const page = await browser.newPage()
    const problems: string[] = []
    page.on('pageerror', (error) => problems.push(error.message))
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
    try {
      await page.goto(`http://127.0.0.1:${(server.address() as { port: number }).port}/`)
      await page.locator('dt').first().waitFor()
      expect(await page.locator('dt').allTextContents()).toEqual(['y f32[1, 1]', 'm i64[1]'])
      const values = () => page.locator('dd').allTextContents()
      const [y, m] = await values()
      expect([Number(y) > 0 && Number(y) < 2, m]).toEqual([true, sum])
      await page.getByRole('button', { name: 'Run' }).click()
      expect((await values())[0]).not.toBe(y)
      expect(problems).toEqual([])
    } finally {
      await page.close()
      server.closeAllConnections()
      server.close()
    }
  })
})
