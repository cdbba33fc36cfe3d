import { absentEngine, type Engine } from './engine.ts'
import { pageScript, withPage } from './page.ts'
import { findExecutable, limited, output } from './process.ts'

const flags = ['--disable-gpu', '--disable-background-networking', '--no-first-run']

/** The system's Chromium or Chrome, else Playwright's own. */
export async function chromium(): Promise<Engine> {
  const name = 'chromium'
  const playwright = await import('playwright').catch(() => undefined)
  if (!playwright) return absentEngine(name, 'needs the package playwright')
  const system = findExecutable('/usr/bin/chromium', 'chromium', 'chromium-browser', 'google-chrome')
  const executablePath = system ?? findExecutable(playwright.chromium.executablePath())
  if (!executablePath) return absentEngine(name, 'not installed; `npx playwright install chromium` does')
  return {
    name,
    isBrowser: true,
    version: () => output(executablePath, ['--version']),
    run: (job) =>
      withPage(job, async (url) => {
        const browser = await playwright.chromium.launch({ executablePath, args: flags })
        try {
          const page = await browser.newPage()
          await page.goto(url)
          return JSON.parse(await limited(page.evaluate<string>(pageScript))) as unknown
        } finally {
          await browser.close()
        }
      }),
  }
}
