import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { engines } from '../../compiler/bench/engines/index.ts'
import { findExecutable, packageFile } from '../../compiler/bench/engines/process.ts'
import { withWorker } from '../support/workerd.ts'
import { digits, fixedDigits, modelFor, prepare, recurrent } from './readme-files.ts'

/** What README.md has one type, run word for word, each in a folder with the files that it names. */
const readme = readFileSync('README.md', 'utf8')
const run = promisify(execFile)

const code = [...readme.matchAll(/^```(js|ts)\n([^]*?)^```$/gm)].map(([, language, text]) => ({
  language,
  text: text!,
}))
/** A bundler's configuration, and a script that it builds. */
const bundled = code.filter(({ text }) => /'attar\/vite'|\?attar/.test(text)).map(({ text }) => text)
const scripts = code.filter(({ text }) => text.startsWith('import ') && !bundled.includes(text))
/** Parts of configurations. */
const fields = code.filter(({ text }) => !text.startsWith('import ')).map(({ text }) => text)
const indented = [
  ...readme.replaceAll(/^```[^]*?^```$/gm, '').matchAll(/\n\n((?: {4}\S.*\n(?:\n(?= {4}))?| {5,}\S.*\n)+)/g),
]
const blocks = indented.map(([, text]) =>
  text!
    .split('\n')
    .map((line) => line.slice(4).trim())
    .filter((line) => line !== ''),
)
const commands = blocks.filter(([line]) => line!.startsWith('attar '))

const known = await engines()
const missing = (name: string) => known.find((engine) => engine.name === name)?.absent !== undefined

let folder: string
const at = (...parts: string[]) => join(folder, ...parts)

const shell = (line: string) => {
  const env = { ...process.env, PATH: `${at('bin')}${delimiter}${process.env['PATH']}` }
  return run('sh', ['-c', line], { cwd: folder, env, timeout: 540_000 })
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'attar-readme-'))
  await prepare(
    at,
    scripts.map(({ text }) => text),
  )
  writeFileSync(at('model.onnx'), fixedDigits())
  await shell('attar compile model.onnx -o out/')
})
afterAll(() => rmSync(folder, { recursive: true }))

it('has no block of another kind than those below', () => {
  expect(bundled).toHaveLength(2)
  expect(scripts.map(({ language }) => language)).toEqual(['js', 'ts', 'js', 'ts', 'ts', 'js'])
  expect(fields.map((text) => text.split(':')[0])).toEqual(['network', 'network', 'model'])
  const others = blocks.filter((block) => !commands.includes(block)).map(([line]) => line!.split(' ')[0])
  // Workers and their server are run by test/cli/tune-queue.test.ts.
  expect(others).toEqual(['model.onnx', 'npm', 'npm', 'error', 'redis-server', 'npm'])
  const { scripts: known } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
  for (const block of blocks.filter(([line]) => line!.startsWith('npm ')))
    for (const line of block) expect(Object.keys(known)).toContain(line.split(' ')[1])
})

describe('commands', () => {
  it.each(commands.map((block) => [block.join('\n'), block] as const))('%s', { timeout: 600_000 }, async (_, block) => {
    for (const line of block) {
      if (line.includes('chromium') && missing('chromium')) continue
      if (!line.startsWith('attar run') && !line.includes('out/model.wasm'))
        writeFileSync(at('model.onnx'), modelFor(line))
      // Short measurements: what they give is not looked at.
      const measures = line.includes('attar bench') ? !line.includes('--layers') : /^attar check .*latency/.test(line)
      const short = measures ? ' --runs 3 --starts 1 --warm-up 0' : ''
      // Other systems take minutes: test/bench/peers.test.ts and test/bench/training.test.ts run them with small networks.
      const typed = line.replace(/\s+#.*/, '').replace(/(bench\s.*) --against \S+/, '$1')
      // One training for each thing that is trained: how good it gets is not looked at.
      const few = line.startsWith('attar tune') ? ' --trials 2 --epochs 1' : ''
      const { stdout } = await shell(typed + short + few)
      expect(stdout, line).not.toBe('')
    }
  })
})

describe('scripts', () => {
  const [page, worker, stream, config, , library] = scripts.map(({ text }) => text) as string[] as [
    ...[string, string, string, string, string, string],
  ]
  const pixels = new Float32Array(784)

  beforeAll(async () => {
    rmSync(at('out'), { recursive: true, force: true })
    writeFileSync(at('model.onnx'), fixedDigits())
    await shell('attar compile model.onnx -o out/')
    writeFileSync(at('page.mjs'), page)
    writeFileSync(at('worker.ts'), worker)
    writeFileSync(at('library.mjs'), library)
    writeFileSync(at('attar.config.ts'), config)
    const { defineConfig: _, ...known } = await import('../../compiler/config/index.ts')
    for (const [i, text] of fields.entries()) {
      const names = Object.keys(known).filter((name) => new RegExp(`\\b${name}\\(`).test(text))
      const lines = [
        `import { defineConfig, ${names.join(', ')} } from 'attar/config'`,
        `export default defineConfig({`,
      ]
      writeFileSync(at(`fields-${i}.config.ts`), [...lines, text, '})'].join('\n'))
    }
    const [bundlerConfig, bundledScript] = bundled
    writeFileSync(at('vite.config.ts'), bundlerConfig!)
    writeFileSync(at('main.ts'), bundledScript!)
    symlinkSync(resolve('node_modules', 'vite'), at('node_modules', 'vite'))
    // For Node, where the script prints. The build also writes models.d.ts.
    await shell('node node_modules/vite/bin/vite.js build --ssr main.ts --outDir bundle')
    mkdirSync(at('stream'))
    writeFileSync(at('stream', 'model.onnx'), recurrent)
    await shell('attar compile stream/model.onnx -o stream/out/ --state h=hn --state c=cn')
    writeFileSync(at('stream', 'stream.mjs'), stream)
  })

  it('pass the type checker', { timeout: 120_000 }, () => {
    const options: ts.CompilerOptions = {
      ...{ strict: true, noEmit: true, allowJs: true, checkJs: true, skipLibCheck: true },
      ...{
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.ESNext,
        moduleResolution: ts.ModuleResolutionKind.Bundler,
      },
      ...{ lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'], types: ['node'], typeRoots: [at('node_modules', '@types')] },
    }
    const configs = ['attar.config.ts', 'search.config.ts', ...fields.map((_, i) => `fields-${i}.config.ts`)]
    const program = ts.createProgram(
      [
        ...['page.mjs', 'worker.ts', 'library.mjs', 'main.ts', 'models.d.ts', 'vite.config.ts', ...configs].map(
          (file) => at(file),
        ),
        at('stream', 'stream.mjs'),
      ],
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

  it.skipIf(missing('deno'))('run in Deno with --allow-read', async () => {
    const deno = packageFile(`@deno/${process.platform}-${process.arch}-glibc`, 'deno') ?? findExecutable('deno')!
    const env = { ...process.env, NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1', DENO_DIR: at('deno') }
    const { stdout } = await run(deno, ['run', '--no-prompt', '--allow-read', at('page.mjs')], { cwd: folder, env })
    expect(stdout).toMatch(/^Float32Array\(10\)/)
    await expect(run(deno, ['run', '--no-prompt', at('page.mjs')], { cwd: folder, env })).rejects.toThrow('read access')
  })

  it.skipIf(missing('chromium'))(
    "run in a page whose policy allows 'wasm-unsafe-eval' and not without",
    { timeout: 120_000 },
    async () => {
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
    },
  )

  it.skipIf(missing('workerd'))('run as a Worker', { timeout: 120_000 }, async () => {
    const { outputText } = ts.transpileModule(worker, {
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
    })
    const files = ['model.js', 'model.relaxed.wasm'].map((file) => [`out/${file}`, at('out', file)])
    const answer = await withWorker(
      at('worker'),
      { name: 'main.js', text: outputText },
      Object.fromEntries(files),
      async (url) => (await (await fetch(url, { method: 'POST', body: pixels })).json()) as number[],
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
})
