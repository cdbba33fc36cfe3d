import { createServer, type Server } from 'node:http'
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { chromium } from 'playwright'
import puppeteer from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findExecutable } from '../../compiler/bench/engines/process.ts'
import { commandLine } from '../support/command-line.ts'
import { circle, cross } from './strokes.ts'

const example = 'examples/page-train'
const readme = readFileSync(`${example}/README.md`, 'utf8')
const { at, attar, err } = commandLine()

/** What the browsers' drivers have in common. */
interface Page {
  goto(url: string): Promise<unknown>
  evaluate<T, A extends unknown[]>(body: (...args: A) => T, ...args: A): Promise<T>
  readonly mouse: {
    move(x: number, y: number): Promise<void>
    down(): Promise<void>
    up(): Promise<void>
  }
  readonly keyboard: { press(key: 'Enter'): Promise<void> }
}
interface Opened {
  readonly page: Page
  readonly problems: string[]
  close(): Promise<void>
}

const [chromiumPath, firefoxPath] = [
  findExecutable('/usr/bin/chromium', 'chromium', 'chromium-browser', 'google-chrome') ??
    [chromium.executablePath()].find(existsSync),
  findExecutable('/usr/bin/firefox-esr', 'firefox-esr', 'firefox'),
]

async function inChromium(width: number): Promise<Opened> {
  const browser = await chromium.launch({ executablePath: chromiumPath!, args: ['--no-sandbox', '--disable-gpu'] })
  const page = await browser.newPage({ viewport: { width, height: 844 } })
  const problems: string[] = []
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
  // Playwright passes one argument.
  const evaluate: Page['evaluate'] = (body, ...args) =>
    page.evaluate(`(${body.toString()})(...${JSON.stringify(args)})`) as never
  return {
    page: { goto: (url) => page.goto(url), evaluate, mouse: page.mouse, keyboard: page.keyboard },
    problems,
    close: () => browser.close(),
  }
}

async function inFirefox(width: number): Promise<Opened> {
  const browser = await puppeteer.launch({ browser: 'firefox', executablePath: firefoxPath!, headless: true })
  const page = await browser.newPage()
  await page.setViewport({ width, height: 844 })
  const problems: string[] = []
  page.on('pageerror', (error) => problems.push(String(error)))
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
  return { page: page as unknown as Page, problems, close: () => browser.close() }
}

let server: Server
let url: string

beforeAll(async () => {
  // The command that the example's README gives, into a folder of the test's.
  const [line] = /^ {4}node dist\/compiler\/cli\/main\.js train .*$/m.exec(readme)!
  const args = line.trim().split(/\s+/).slice(2)
  mkdirSync(at('page'))
  for (const file of ['index.html', 'page.js', 'style.css']) cpSync(`${example}/${file}`, at('page', file))
  const own = args.map((arg) => (arg === `${example}/out` ? at('page', 'out') : arg.replaceAll("'", '')))
  expect(own).toContain(at('page', 'out'))
  expect(await attar(...own), err.join('\n')).toBe(0)
  const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' }
  server = createServer(({ url = '/' }, response) => {
    const file = at('page', url === '/' ? 'index.html' : url.slice(1))
    const found = existsSync(file)
    response.writeHead(found ? 200 : 404, { 'Content-Type': types[extname(file)] ?? 'application/wasm' })
    response.end(found ? readFileSync(file) : '')
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  url = `http://127.0.0.1:${(server.address() as { port: number }).port}/`
})
afterAll(() => server.close())

const textOf = (page: Page, id: string): Promise<string> =>
  page.evaluate((name) => document.getElementById(name)!.textContent, id)
/** By the keyboard. */
async function press(page: Page, id: string): Promise<void> {
  await page.evaluate((name) => document.getElementById(name)!.focus(), id)
  await page.keyboard.press('Enter')
}

async function ready(page: Page): Promise<void> {
  await page.goto(url)
  for (let tries = 0; tries < 200 && (await textOf(page, 'answer')) !== 'Draw something.'; tries++)
    await new Promise((later) => setTimeout(later, 50))
}

async function draw(page: Page, strokes: ReturnType<typeof circle>): Promise<void> {
  const { x, y, width } = await page.evaluate(() => {
    const canvas = document.getElementById('drawing')!
    canvas.scrollIntoView()
    const { x, y, width } = canvas.getBoundingClientRect()
    return { x, y, width }
  })
  for (const stroke of strokes) {
    const places = stroke.map(([px, py]) => [x + px * width, y + py * width] as const)
    await page.mouse.move(...places[0]!)
    await page.mouse.down()
    for (const place of places.slice(1)) await page.mouse.move(...place)
    await page.mouse.up()
  }
}

/** What it says of drawings that it was not taught. */
async function answers(page: Page, drawings: readonly ReturnType<typeof circle>[]): Promise<string[]> {
  const all: string[] = []
  for (const drawing of drawings) {
    await draw(page, drawing)
    all.push(await textOf(page, 'answer'))
    await press(page, 'clear')
  }
  return all
}

const seeds = [1, 2, 3]
const unseen = [...seeds.map((i) => circle(100 + i)), ...seeds.map((i) => cross(200 + i))]
const [a, b] = ['This is A.', 'This is B.']

/** Three of each kind, in turns. */
async function teach(page: Page, circleIs: 'is-a' | 'is-b', crossIs: 'is-a' | 'is-b'): Promise<void> {
  for (const i of seeds) {
    await draw(page, circle(i))
    await press(page, circleIs)
    await draw(page, cross(50 + i))
    await press(page, crossIs)
  }
}

describe.each([
  ['Chromium, as wide as a telephone', chromiumPath, inChromium, 390],
  ['Firefox', firefoxPath, inFirefox, 1280],
] as const)('the page that learns, in %s', (_, executable, open, width) => {
  it.skipIf(executable === undefined)('tells new drawings apart as it was taught', async () => {
    const { page, problems, close } = await open(width)
    try {
      await ready(page)
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
      expect(new Set(await answers(page, unseen))).toEqual(new Set(['I cannot know yet.']))

      await teach(page, 'is-a', 'is-b')
      expect(await textOf(page, 'note')).toMatch(/^Learned in \d+ ms: \d+ steps/)
      expect([await textOf(page, 'count-a'), await textOf(page, 'count-b')]).toEqual(['3', '3'])
      expect(await answers(page, unseen)).toEqual([a, a, a, b, b, b])

      // The same drawings the other way round: what it was taught decides, not what it was before.
      await press(page, 'forget')
      expect(new Set(await answers(page, unseen))).toEqual(new Set(['I cannot know yet.']))
      await teach(page, 'is-b', 'is-a')
      expect(await answers(page, unseen)).toEqual([b, b, b, a, a, a])
      expect(problems).toEqual([])
    } finally {
      await close()
    }
  })
})
