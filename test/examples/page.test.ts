import { tmpdir } from 'node:os'
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { chromium, type Browser } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findExecutable } from '../../compiler/bench/engines/process.ts'
import { compileExample, serveFolder } from '../support/example.ts'

const example = 'examples/page'
const folder = mkdtempSync(join(tmpdir(), 'attar-page-'))
const at = (...parts: string[]): string => join(folder, ...parts)
afterAll(() => rmSync(folder, { recursive: true }))
const executablePath =
  findExecutable('/usr/bin/chromium', 'chromium', 'chromium-browser', 'google-chrome') ??
  [chromium.executablePath()].find(existsSync)

let server: Awaited<ReturnType<typeof serveFolder>>
let browser: Browser

beforeAll(async () => {
  for (const file of ['index.html', 'page.js', 'style.css']) cpSync(`${example}/${file}`, at('page', file))
  await compileExample(example, at('page/out'))
  server = await serveFolder(at('page'))
  if (executablePath) browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
})
afterAll(async () => {
  await browser?.close()
  server.close()
})

type Stroke = readonly (readonly [x: number, y: number])[]
const arc = (x: number, y: number, rx: number, ry: number, from: number, to: number): Stroke =>
  Array.from({ length: 24 }, (_, i) => {
    const turn = 2 * Math.PI * (from + ((to - from) * i) / 23)
    return [x + rx * Math.cos(turn), y + ry * Math.sin(turn)] as const
  })
/** In a square of side 1, in different places and sizes. */
const digits: Readonly<Record<number, readonly Stroke[]>> = {
  0: [arc(0.5, 0.5, 0.22, 0.35, 0, 1.02)],
  1: [
    [
      [0.8, 0.1],
      [0.78, 0.5],
      [0.75, 0.6],
    ],
  ],
  3: [[...arc(0.45, 0.33, 0.2, 0.17, -0.45, 0.25), ...arc(0.45, 0.68, 0.23, 0.19, -0.25, 0.42)]],
  4: [
    [
      [0.3, 0.2],
      [0.27, 0.5],
      [0.65, 0.5],
    ],
    [
      [0.62, 0.2],
      [0.58, 0.85],
    ],
  ],
  7: [
    [
      [0.1, 0.15],
      [0.4, 0.15],
      [0.25, 0.55],
    ],
  ],
}

describe.skipIf(executablePath === undefined).each([
  [1280, 'light'],
  [390, 'dark'],
] as const)('the page that reads digits, %i pixels wide and %s', (width, colorScheme) => {
  it('reads what is drawn', async () => {
    const page = await browser.newPage({ viewport: { width, height: 844 }, colorScheme })
    const problems: string[] = []
    page.on('pageerror', (error) => problems.push(error.message))
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
    await page.goto(server.url)
    await page.getByText('Draw something.').waitFor()
    const clear = page.getByRole('button', { name: 'Clear' })
    for (const [digit, strokes] of Object.entries(digits)) {
      const canvas = (await page.locator('#drawing').boundingBox())!
      for (const stroke of strokes) {
        const places = stroke.map(([x, y]) => [canvas.x + x * canvas.width, canvas.y + y * canvas.height] as const)
        await page.mouse.move(...places[0]!)
        await page.mouse.down()
        for (const place of places.slice(1)) await page.mouse.move(...place, { steps: 3 })
        await page.mouse.up()
      }
      expect(await page.locator('#answer').textContent()).toBe(`This is ${digit}.`)
      expect(await page.locator('#bars dd.best').count()).toBe(1)
      expect(await page.locator('#note').textContent()).toMatch(/^Read in (under )?[\d.]+ ms\.$/)
      // Where somebody wants to look at it.
      const folder = process.env['ATTAR_SCREENSHOTS']
      if (folder) await page.screenshot({ path: `${folder}/page-${width}-${colorScheme}-${digit}.png`, fullPage: true })
      await clear.click()
      expect(await page.locator('#answer').textContent()).toBe('Draw something.')
    }
    expect(await clear.isDisabled()).toBe(true)
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
    expect(problems).toEqual([])
    await page.close()
  })
})
