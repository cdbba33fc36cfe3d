import { createServer as createHttpServer } from 'node:http'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { extname } from 'node:path'
import { chromium, type Browser } from 'playwright'
import { build, createServer, type InlineConfig, type ViteDevServer } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { engines } from '../../compiler/bench/engines/index.ts'
import { findExecutable } from '../../compiler/bench/engines/process.ts'
import attar from '../../dist/compiler/plugin/vite.js'
import { entry, expected, misfit, project, tiny } from './project.ts'

const { folder, at } = project()
const absent = (await engines()).find(({ name }) => name === 'chromium')?.absent !== undefined

const options: InlineConfig = { root: folder, configFile: false, logLevel: 'silent', plugins: [attar()] }
const shown = 'document.body.textContent = JSON.stringify(answer)\n'
const answers = (scale: number): string => JSON.stringify(expected.map((y) => scale * y))

describe.skipIf(absent)('in Chromium', () => {
  let browser: Browser

  beforeAll(async () => {
    writeFileSync(at('src/tiny.onnx'), tiny())
    writeFileSync(at('src/main.js'), entry('./tiny.onnx?attar&dim=n=1') + shown)
    writeFileSync(at('index.html'), '<!doctype html><body><script type="module" src="./src/main.js"></script>')
    const executablePath = findExecutable('/usr/bin/chromium', 'chromium', 'chromium-browser', 'google-chrome')
    browser = await chromium.launch({
      ...(executablePath && { executablePath }),
      args: ['--disable-gpu', '--no-sandbox'],
    })
  })
  afterAll(() => browser?.close())

  /** A page at an address, once it shows this. */
  const shows = async (address: string, answer: string) => {
    const page = await browser.newPage()
    await page.goto(address)
    await page.getByText(answer).waitFor({ timeout: 30_000 })
    return page
  }

  it('a build has its modules beside it, under names with a hash, also in a folder of a site', async () => {
    await build({ ...options, base: './', build: { outDir: at('dist') } })
    const wasm = readdirSync(at('dist/assets')).filter((file) => file.endsWith('.wasm'))
    expect(wasm).toHaveLength(2)
    for (const file of wasm) expect(file).toMatch(/^tiny(\.relaxed)?-[\w-]{8}\.wasm$/)
    const types: Record<string, string> = {
      '.html': 'text/html',
      '.js': 'text/javascript',
      '.wasm': 'application/wasm',
    }
    const server = createHttpServer(({ url }, response) => {
      const file = at('dist', url!.replace(/^\/site\//, ''))
      response.writeHead(existsSync(file) ? 200 : 404, {
        'Content-Type': types[extname(file)] ?? 'text/plain',
        'Content-Security-Policy': "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'",
      })
      response.end(existsSync(file) ? readFileSync(file) : '')
    })
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    try {
      const { port } = server.address() as { port: number }
      await (await shows(`http://127.0.0.1:${port}/site/index.html`, answers(1))).close()
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })

  describe('the dev server', () => {
    let server: ViteDevServer
    beforeAll(async () => {
      server = await createServer({ ...options, server: { port: 0, host: '127.0.0.1' } })
      await server.listen()
    })
    afterAll(() => server?.close())

    it('serves a model, shows what is wrong with another, and reloads what has changed', async () => {
      const page = await shows(server.resolvedUrls!.local[0]!, answers(1))
      writeFileSync(at('src/tiny.onnx'), tiny(3))
      await page.getByText(answers(3)).waitFor({ timeout: 30_000 })
      writeFileSync(at('src/tiny.onnx'), misfit)
      await page.locator('vite-error-overlay').waitFor({ timeout: 30_000 })
      expect(await page.locator('vite-error-overlay').locator('.message-body').textContent()).toContain(
        'error A204 shape-mismatch   MatMul "dense"',
      )
      writeFileSync(at('src/tiny.onnx'), tiny(2))
      await page.getByText(answers(2)).waitFor({ timeout: 30_000 })
      await page.close()
    })

    it('runs a model in a server-side script', async () => {
      writeFileSync(at('src/tiny.onnx'), tiny())
      writeFileSync(at('src/server.js'), entry('./tiny.onnx?attar&dim=n=1'))
      const { answer } = await server.ssrLoadModule(at('src/server.js'))
      expect(answer).toEqual(expected)
    })
  })
})
