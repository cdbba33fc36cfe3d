import { execFileSync } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { chromium } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findExecutable } from '../../compiler/bench/engines/process.ts'
import { commandLine } from '../support/command-line.ts'

const example = 'examples/cats-vs-dogs'
const { at, attar, err } = commandLine()
const chromiumPath =
  findExecutable('/usr/bin/chromium', 'chromium', 'chromium-browser', 'google-chrome') ??
  [chromium.executablePath()].find(existsSync)

let server: Server
let url: string

/** As the example's README says, on few pictures and for few epochs. */
beforeAll(async () => {
  cpSync(example, at('example'), { recursive: true, filter: (path) => !/\/(out|pictures)$/.test(path) })
  execFileSync(process.execPath, [`${example}/make-pictures.mjs`, '60', at('example', 'pictures')])
  const config = at('example', 'attar.config.ts')
  expect(await attar('train', config, '--epochs', '14', '-o', at('float')), err.join('\n')).toBe(0)
  const small = ['--max-size', '30kB', '--max-drop', '5%', '--epochs', '1', '--no-control', '--pixels', '--classify']
  const args = ['--config', config, ...small, '-o', at('example', 'out')]
  expect(await attar('compile', at('float', 'model.onnx'), ...args), err.join('\n')).toBe(0)
  const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' }
  server = createServer(({ url = '/' }, response) => {
    const file = at('example', url === '/' ? 'index.html' : url.slice(1))
    const found = existsSync(file)
    response.writeHead(found ? 200 : 404, { 'Content-Type': types[extname(file)] ?? 'application/wasm' })
    response.end(found ? readFileSync(file) : undefined)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as { port: number }).port}/`
})
afterAll(() => server.close())

describe('the example of cats and dogs', () => {
  it('makes a module within its budget', () => {
    const report = JSON.parse(readFileSync(at('example', 'out', 'optimization.json'), 'utf8')) as {
      within: boolean
      test: { best: { quantized: number } }
    }
    expect(report.within).toBe(true)
    expect(report.test.best.quantized).toBeGreaterThan(0.6)
    for (const file of ['model.wasm', 'model.relaxed.wasm'])
      expect(readFileSync(at('example', 'out', file)).length).toBeLessThanOrEqual(30_000)
    expect(existsSync(at('example', 'out', 'optimization.html'))).toBe(true)
  })

  it.skipIf(!chromiumPath)('tells in its page what a photo shows', async () => {
    const browser = await chromium.launch({ executablePath: chromiumPath!, args: ['--no-sandbox', '--disable-gpu'] })
    try {
      const page = await browser.newPage({ viewport: { width: 390, height: 844 } })
      const problems: string[] = []
      page.on('pageerror', (error) => problems.push(error.message))
      page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
      await page.goto(url)
      await page.waitForFunction(() => document.querySelector('output')!.value === 'Ready.')
      let right = 0
      const photos = ['cat', 'dog'].flatMap((kind) =>
        readdirSync(at('example', 'pictures', 'train', kind))
          .slice(0, 10)
          .map((file) => [kind, at('example', 'pictures', 'train', kind, file)] as const),
      )
      for (const [kind, photo] of photos) {
        await page.evaluate(() => (document.querySelector('output')!.value = ''))
        await page.setInputFiles('#file', photo)
        await page.waitForFunction(() => /^A (cat|dog): \d+ %$/.test(document.querySelector('output')!.value))
        if ((await page.evaluate(() => document.querySelector('output')!.value)).startsWith(`A ${kind}`)) right++
      }
      expect(right).toBeGreaterThan(photos.length * 0.6)
      expect(await page.locator('#bars dt').allTextContents()).toHaveLength(2)
      const bars = await page
        .locator('.bar')
        .evaluateAll((all) => all.map((bar) => getComputedStyle(bar).backgroundSize))
      expect(
        bars.every((size) => /^\d+(\.\d+)?% 100%$/.test(size)),
        bars.join(),
      ).toBe(true)
      expect(problems).toEqual([])
    } finally {
      await browser.close()
    }
  })
})
