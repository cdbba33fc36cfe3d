import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encode } from 'fast-png'
import { chromium, type BrowserContext, type Worker } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findExecutable } from '../../compiler/bench/engines/process.ts'
import { readNpz } from '../../compiler/data/index.ts'
import { compileExample } from '../support/example.ts'

const example = 'examples/extension'
const folder = mkdtempSync(join(tmpdir(), 'attar-extension-'))
const at = (...parts: string[]): string => join(folder, ...parts)
// Chromium may still be writing there.
afterAll(() => rmSync(folder, { recursive: true, maxRetries: 5 }))
const executablePath =
  findExecutable('/usr/bin/chromium', 'chromium', 'chromium-browser') ?? [chromium.executablePath()].find(existsSync)

const { image, y } = readNpz(readFileSync('examples/digits/test.npz'))
/** Digits as they are on paper, in larger pictures: dark on white. */
const onPaper = (i: number): Buffer => {
  const data = Uint8Array.from({ length: 84 * 84 }, (_, at) => {
    const [row, column] = [Math.floor(at / 84), at % 84].map((n) => Math.floor(n / 3)) as [number, number]
    return 255 - (image!.data as Uint8Array)[784 * i + 28 * row + column]!
  })
  return Buffer.from(encode({ width: 84, height: 84, channels: 1, depth: 8, data }))
}

let server: Server
let url: string
let context: BrowserContext
let background: Worker

beforeAll(async () => {
  for (const file of readdirSync(example).filter((name) => /\.(js|json|html|css)$/.test(name)))
    cpSync(`${example}/${file}`, at('extension', file))
  await compileExample(example, at('extension/out'))
  server = createServer(({ url = '/' }, response) => {
    const [, digit] = /^\/(\d+)\.png$/.exec(url) ?? []
    response.writeHead(digit || url === '/' ? 200 : 404, { 'Content-Type': digit ? 'image/png' : 'text/html' })
    response.end(digit ? onPaper(Number(digit)) : '')
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  url = `http://127.0.0.1:${(server.address() as { port: number }).port}/`
  if (!executablePath) return
  context = await chromium.launchPersistentContext(at('profile'), {
    executablePath,
    args: [
      ...['--no-sandbox', '--disable-gpu'],
      ...[`--disable-extensions-except=${at('extension')}`, `--load-extension=${at('extension')}`],
    ],
  })
  background = context.serviceWorkers()[0] ?? (await context.waitForEvent('serviceworker'))
})
afterAll(async () => {
  await context?.close()
  server.close()
})

describe.skipIf(executablePath === undefined)('the extension that reads digits', () => {
  it('shows on its button what the picture is that was chosen in the context menu', async () => {
    const page = await context.newPage()
    await page.goto(url)
    /** As the browser calls it: playwright has no hand for menus of the system. */
    const choose = (srcUrl: string): Promise<string[]> =>
      background.evaluate(async (srcUrl) => {
        interface Extensions {
          tabs: { query(of: object): Promise<{ id: number }[]> }
          contextMenus: { onClicked: { dispatch(info: object, tab: object): void } }
          action: Record<'getBadgeText' | 'getTitle' | 'setBadgeText', (of: object) => Promise<string>>
        }
        const { tabs, contextMenus, action } = (globalThis as unknown as { chrome: Extensions }).chrome
        const tab = (await tabs.query({ url: 'http://127.0.0.1/*' }))[0]!
        await action.setBadgeText({ tabId: tab.id, text: '' })
        contextMenus.onClicked.dispatch({ menuItemId: 'read', srcUrl }, tab)
        for (;;) {
          const [text, title] = [await action.getBadgeText({ tabId: tab.id }), await action.getTitle({ tabId: tab.id })]
          if (text !== '' && title !== 'Read a digit') return [text, title]
          await new Promise((later) => setTimeout(later, 20))
        }
      }, srcUrl)
    let right = 0
    for (let i = 0; i < 10; i++) {
      const [text, title] = await choose(`${url}${i}.png`)
      expect(title).toMatch(/^This is \d \(\d+ %\)\.$/)
      right += Number(text === String(y!.data[i]))
    }
    expect(right).toBeGreaterThanOrEqual(9)
    await page.close()
  })

  it.each(['light', 'dark'] as const)('reads files in its popup, %s', async (colorScheme) => {
    const page = await context.newPage()
    await page.setViewportSize({ width: 320, height: 330 })
    await page.emulateMedia({ colorScheme })
    const problems: string[] = []
    page.on('pageerror', (error) => problems.push(error.message))
    await page.goto(new URL('popup.html', background.url()).href)
    await page.getByText('No picture yet.').waitFor()
    await page.locator('#file').setInputFiles({ name: 'd.png', mimeType: 'image/png', buffer: onPaper(0) })
    await page.getByText(`This is ${String(y!.data[0])}.`).waitFor()
    expect(await page.locator('dd').first().textContent()).toMatch(/^(9\d|100) %$/)
    // Where somebody wants to look at it.
    const shots = process.env['ATTAR_SCREENSHOTS']
    if (shots) await page.screenshot({ path: `${shots}/extension-${colorScheme}.png` })
    await page.locator('#file').setInputFiles({ name: 'd.txt', mimeType: 'text/plain', buffer: Buffer.from('5') })
    await page.getByText('This is no picture.').waitFor()
    expect(problems).toEqual([])
    await page.close()
  })
})
