import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import ts from 'typescript'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { engines } from '../../compiler/bench/engines/index.ts'
import { findExecutable, packageFile } from '../../compiler/bench/engines/process.ts'
import { withWorker } from '../support/engines/workerd.ts'
import { digits, fixedDigits, prepare, recurrent, texts, yolo } from './files.ts'
import { elsewhere, guides, guideTo } from './markdown.ts'

/** The code of README.md and the guides, word for word, where it is meant to run, with the files that it names. */
const run = promisify(execFile)

const codeOf = (topic: string): readonly string[] => guideTo(topic).code.map(({ text }) => text)
const isPart = (text: string): boolean => !text.startsWith('import ')
const all = guides
  .filter(({ file }) => !Object.hasOwn(elsewhere, file))
  .flatMap(({ file, code }) => code.map((block) => ({ file, ...block })))
/** Parts of configurations. */
const fields = all.filter(({ language, text }) => language === 'ts' && isPart(text)).map(({ text }) => text)
const configs = all.filter(
  ({ language, text }) => language === 'ts' && text.includes('defineConfig') && text.includes('attar/config'),
)
const [inReadme] = guides[0]!.code
const [page] = codeOf('page') as [string]
const [worker] = codeOf('worker') as [string]
const [stream] = codeOf('streams') as [string]
const [library] = codeOf('library') as [string]
const [textScript, textPart, , tokenizerScript] = codeOf('text') as [string, string, string, string]
const [boxes] = codeOf('boxes') as [string]
const [bundlerConfig, bundledScript] = codeOf('bundlers') as [string, string]

const known = await engines()
const missing = (name: string) => known.find((engine) => engine.name === name)?.absent !== undefined

let folder: string
const at = (...parts: string[]) => join(folder, ...parts)

const shell = (line: string) => {
  const env = { ...process.env, PATH: `${at('bin')}${delimiter}${process.env['PATH']}` }
  return run('sh', ['-c', line], { cwd: folder, env, timeout: 540_000 })
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'attar-scripts-'))
  await prepare(at)
  writeFileSync(at('model.onnx'), fixedDigits())
  await shell('attar compile model.onnx -o out/')
  writeFileSync(at('page.mjs'), page)
  writeFileSync(at('readme.mjs'), inReadme!.text)
  writeFileSync(at('worker.ts'), worker)
  writeFileSync(at('library.mjs'), library)
  const { defineConfig: _, ...known } = await import('../../compiler/config/index.ts')
  for (const [i, text] of fields.entries()) {
    const names = Object.keys(known).filter((name) => new RegExp(`\\b${name}\\(`).test(text))
    const lines = [`import { defineConfig, ${names.join(', ')} } from 'attar/config'`, `export default defineConfig({`]
    writeFileSync(at(`fields-${i}.config.ts`), [...lines, text, '})'].join('\n'))
  }
  for (const [i, { text }] of configs.entries()) writeFileSync(at(`whole-${i}.config.ts`), text)
  writeFileSync(at('vite.config.ts'), bundlerConfig)
  writeFileSync(at('main.ts'), bundledScript)
  symlinkSync(resolve('node_modules', 'vite'), at('node_modules', 'vite'))
  // For Node, where the script prints. The build also writes models.d.ts.
  await shell('node node_modules/vite/bin/vite.js build --ssr main.ts --outDir bundle')
  mkdirSync(at('text'))
  writeFileSync(at('text', 'model.onnx'), texts)
  const [compiles] = guideTo('text').commands[0]!
  await shell(`cd text && cp ../tokenizer.json . && ${compiles} && attar tokenizer tokenizer.json -o out/`)
  writeFileSync(at('text', 'text.mjs'), textScript + textPart)
  writeFileSync(at('text', 'tokenizer.mjs'), tokenizerScript)
  mkdirSync(at('boxes'))
  writeFileSync(at('boxes', 'detector.onnx'), yolo)
  await shell(`cd boxes && cp ../names.txt . && ${guideTo('boxes').commands[0]![0]}`)
  writeFileSync(at('boxes', 'boxes.mjs'), boxes)
  mkdirSync(at('stream'))
  writeFileSync(at('stream', 'model.onnx'), recurrent)
  await shell('attar compile stream/model.onnx -o stream/out/ --state h=hn --state c=cn')
  writeFileSync(at('stream', 'stream.mjs'), stream)
})
afterAll(() => rmSync(folder, { recursive: true }))

it('is all there is', () => {
  const others = all.filter(({ text, language }) => !['yaml', 'sh'].includes(language) && !fields.includes(text))
  const tested = [
    inReadme!.text,
    page,
    worker,
    stream,
    library,
    bundlerConfig,
    bundledScript,
    boxes,
    textScript,
    textPart,
    tokenizerScript,
  ]
  expect(others.filter(({ text }) => !tested.includes(text) && !text.includes('attar/config'))).toEqual([])
})

it('pass the type checker', () => {
  const options: ts.CompilerOptions = {
    ...{ strict: true, noEmit: true, allowJs: true, checkJs: true, skipLibCheck: true },
    ...{
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
    },
    ...{ lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'], types: ['node'], typeRoots: [at('node_modules', '@types')] },
  }
  const files = [
    ...['readme.mjs', 'page.mjs', 'worker.ts', 'library.mjs', 'main.ts', 'models.d.ts', 'vite.config.ts'],
    ...configs.map((_, i) => `whole-${i}.config.ts`),
    ...fields.map((_, i) => `fields-${i}.config.ts`),
  ]
  const program = ts.createProgram(
    [...files, 'stream/stream.mjs', 'text/text.mjs', 'text/tokenizer.mjs', 'boxes/boxes.mjs'].map((file) => at(file)),
    options,
  )
  const found = ts.getPreEmitDiagnostics(program)
  expect(found.map((d) => `${d.file?.fileName}: ${ts.flattenDiagnosticMessageText(d.messageText, ' ')}`)).toEqual([])
})

it('run in Node', async () => {
  const { stdout } = await run(process.execPath, [at('page.mjs')], { cwd: folder })
  expect(stdout).toMatch(/^Float32Array\(10\)/)
})

it('are bundled as configured', async () => {
  const { stdout } = await run(process.execPath, [at('bundle', 'main.mjs')], { cwd: folder })
  expect(stdout).toMatch(/^Float32Array\(10\)/)
})

it('run on a stream, whose state goes on', async () => {
  const { stdout } = await run(process.execPath, [at('stream', 'stream.mjs')], { cwd: folder })
  const [first, second] = stdout.split('\n').map(Number) as [number, number]
  expect(first).toBeCloseTo(8 * Math.tanh(1), 5)
  expect(second).toBeCloseTo(8 * (Math.tanh(1) + Math.tanh(2)), 5)
})

it('classify texts', async () => {
  const { stdout } = await run(process.execPath, [at('text', 'text.mjs')])
  expect(stdout).toMatch(/^\[\s*\{ label: 'spam', score: 0\.8\d+ \}/)
  const ids = await run(process.execPath, [at('text', 'tokenizer.mjs')])
  expect(ids.stdout).toContain('ids: [ 2, 5, 1, 1, 3 ]')
})

it('find boxes', async () => {
  const { stdout } = await run(process.execPath, [at('boxes', 'boxes.mjs')])
  expect(stdout).toBe('[]\n')
})

it.skipIf(missing('deno'))('run in Deno with --allow-read', async () => {
  const deno = packageFile(`@deno/${process.platform}-${process.arch}-glibc`, 'deno') ?? findExecutable('deno')!
  const env = { ...process.env, NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1', DENO_DIR: at('deno') }
  const { stdout } = await run(deno, ['run', '--no-prompt', '--allow-read', at('page.mjs')], { cwd: folder, env })
  expect(stdout).toMatch(/^Float32Array\(10\)/)
  await expect(run(deno, ['run', '--no-prompt', at('page.mjs')], { cwd: folder, env })).rejects.toThrow('read access')
})

it.skipIf(missing('chromium'))("run in a page whose policy allows 'wasm-unsafe-eval' and not without", async () => {
  const inPage = async (policy: string): Promise<string> => {
    const types: Record<string, string> = {
      mjs: 'text/javascript',
      js: 'text/javascript',
      wasm: 'application/wasm',
    }
    const server = createServer(({ url }, response) => {
      const file = at(url!.slice(1))
      const found =
        url === '/'
          ? '<!doctype html><script type="module" src="/page.mjs"></script>'
          : existsSync(file) && readFileSync(file)
      response.writeHead(found ? 200 : 404, {
        'Content-Type': types[url!.split('.').at(-1)!] ?? 'text/html',
        'Content-Security-Policy': policy,
      })
      response.end(found || '')
    })
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    const { chromium } = await import('playwright')
    const executablePath = findExecutable('/usr/bin/chromium', 'chromium', 'chromium-browser', 'google-chrome')
    const browser = await chromium.launch({ ...(executablePath && { executablePath }), args: ['--disable-gpu'] })
    try {
      const tab = await browser.newPage()
      const said = new Promise<string>((settle) => {
        tab.on('console', (message) => message.type() === 'log' && settle(message.text()))
        tab.on('pageerror', (error) => settle(error.message))
      })
      await tab.goto(`http://127.0.0.1:${(server.address() as { port: number }).port}/`)
      return await said
    } finally {
      await browser.close()
      server.closeAllConnections()
      server.close()
    }
  }
  expect(await inPage("default-src 'self'; script-src 'self' 'wasm-unsafe-eval'")).toMatch(/^Float32Array\(10\)/)
  expect(await inPage("default-src 'self'")).toMatch(/unsafe-eval/)
})

it.skipIf(missing('workerd'))('run as a Worker', async () => {
  const { outputText } = ts.transpileModule(worker, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  })
  const files = ['model.js', 'model.relaxed.wasm'].map((file) => [`out/${file}`, at('out', file)])
  const answer = await withWorker(
    at('worker'),
    { name: 'main.js', text: outputText },
    Object.fromEntries(files),
    async (url) => (await (await fetch(url, { method: 'POST', body: new Float32Array(784) })).json()) as number[],
  )
  expect(answer).toHaveLength(10)
  expect(answer.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1)
})

it('compile a model by the library', async () => {
  rmSync(at('out'), { recursive: true })
  writeFileSync(at('model.onnx'), digits)
  await run(process.execPath, [at('library.mjs')], { cwd: folder })
  expect(existsSync(at('out', 'model.js'))).toBe(true)
})
