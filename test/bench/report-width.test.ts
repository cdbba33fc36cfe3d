import { existsSync } from 'node:fs'
import { chromium, type Browser } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pages } from './report-pages.ts'

const executable = ['/usr/bin/chromium', chromium.executablePath()].find(existsSync)
const flags = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run']

describe.skipIf(executable === undefined)('reports in a browser', () => {
  let browser: Browser
  let written: Record<string, string>
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: executable!, args: flags })
    written = await pages()
  })
  afterAll(() => browser.close())

  const opened = async (name: string, width: number) => {
    const page = await browser.newPage({ viewport: { width, height: 900 } })
    await page.setContent(written[name]!)
    return page
  }

  it.each(['bench', 'quantization'])('%s fits a telephone: what is wider scrolls by itself', async (name) => {
    const page = await opened(name, 390)
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390)
    const cut = await page.evaluate(() =>
      [...document.querySelectorAll('p, li, h1, h2, h3, .figures div')]
        .filter((element) => element.scrollWidth > element.clientWidth + 1)
        .map((element) => element.textContent),
    )
    expect(cut).toEqual([])
    // Texts of diagrams are no smaller than print.
    const heights = await page.evaluate(() =>
      [...document.querySelectorAll('svg text')]
        .filter((text) => text.textContent !== '')
        .map((text) => text.getBoundingClientRect().height),
    )
    expect(Math.min(...heights)).toBeGreaterThan(8)
    await page.close()
  })

  it.each(['bench', 'quantization'])('%s shows all of it on a desktop', async (name) => {
    const page = await opened(name, 1280)
    const cut = await page.evaluate(() =>
      [...document.querySelectorAll('.diagram, .wide')].flatMap((box) => {
        const { left, right } = box.getBoundingClientRect()
        const inside = [...box.querySelectorAll('text, td, th')].map((e) => [e, e.getBoundingClientRect()] as const)
        return inside.filter(([, r]) => r.left < left - 1 || r.right > right + 1).map(([e]) => e.textContent)
      }),
    )
    expect(cut).toEqual([])
    await page.close()
  })

  it('bench shows one cold start of a system in diagram and table', async () => {
    const page = await opened('bench', 1280)
    const found = await page.evaluate(() => {
      const section = [...document.querySelectorAll('h3')].find((h) => h.textContent === 'Cold start')!
      const diagram = section.nextElementSibling!.nextElementSibling!
      const shown = [...diagram.querySelectorAll('text')].map((t) => t.textContent ?? '').filter((t) => / ms$/.test(t))
      const table = [...document.querySelectorAll('table')].find((t) => t.textContent?.includes('cold start ms'))!
      const column = [...table.querySelectorAll('thead th')].findIndex((th) => th.textContent === 'cold start ms')
      const rows = [...table.querySelectorAll('tbody tr')].map((row) => `${row.children[column]!.textContent} ms`)
      return { shown, rows }
    })
    // 17.25 ms, of which the parts give 16.5 and 12: fetching is none of them.
    expect(found).toEqual({ shown: ['17.3 ms', '17.3 ms', '17.3 ms'], rows: ['17.3 ms', '17.3 ms', '17.3 ms'] })
    await page.close()
  })
})
