import { absentEngine, type Engine } from './engine.ts'
import { pageScript, withPage } from './page.ts'
import { findExecutable, limited, output } from './process.ts'

/** The system's Firefox, driven by WebDriver BiDi. */
export async function firefox(): Promise<Engine> {
  const name = 'firefox'
  const executablePath = findExecutable('/usr/bin/firefox-esr', 'firefox-esr', 'firefox')
  if (!executablePath) return absentEngine(name, 'not installed')
  const puppeteer = await import('puppeteer-core').catch(() => undefined)
  if (!puppeteer) return absentEngine(name, 'needs the package puppeteer-core')
  return {
    name,
    isBrowser: true,
    version: () => output(executablePath, ['--version']),
    run: (job) =>
      withPage(job, async (url) => {
        const browser = await puppeteer.launch({ browser: 'firefox', executablePath, headless: true })
        try {
          const page = await browser.newPage()
          await page.goto(url)
          return JSON.parse(await limited(page.evaluate(pageScript) as Promise<string>)) as unknown
        } finally {
          await browser.close()
        }
      }),
  }
}
