import { setTimeout as sleep } from 'node:timers/promises'
import { absentEngine, timeLimit, type Engine } from './engine.ts'
import { pageScript, withPage } from './page.ts'
import { findExecutable, freePort, withProcess } from './process.ts'

/** WebKitGTK, the engine of Safari, in its test browser on a virtual display, driven by WebDriver. */
export function webkit(): Engine {
  const name = 'webkit'
  const driver = findExecutable('WebKitWebDriver')
  const display = findExecutable('Xvfb')
  const browser = findExecutable(
    ...['x86_64-linux-gnu', 'aarch64-linux-gnu'].flatMap((libraries) =>
      ['webkitgtk-6.0', 'webkit2gtk-4.1', 'webkit2gtk-4.0'].map((api) => `/usr/lib/${libraries}/${api}/MiniBrowser`),
    ),
  )
  if (!driver || !browser) return absentEngine(name, 'not installed; Debian has it as webkit2gtk-driver')
  if (!display) return absentEngine(name, 'needs Xvfb')

  const withSession = <T>(use: (session: Session) => Promise<T>): Promise<T> =>
    withProcess(display, ['-displayfd', '3', '-nolisten', 'tcp'], {}, async (reported) => {
      const env = {
        DISPLAY: `:${await reported}`,
        WEBKIT_DISABLE_COMPOSITING_MODE: '1',
        // Its sandbox needs user namespaces, which containers withhold; what runs here is our own.
        WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1',
      }
      const port = await freePort()
      return withProcess(driver, [`--port=${port}`], env, () => drive(`http://127.0.0.1:${port}`, browser, use))
    })

  return {
    name,
    isBrowser: true,
    version: () => withSession((session) => Promise.resolve(`WebKitGTK ${session.version}`)),
    run: (job) =>
      withPage(job, (url) =>
        withSession(async ({ command }) => {
          await command('POST', '/timeouts', { script: timeLimit })
          await command('POST', '/url', { url })
          const script = `const done = arguments[0]
            ${pageScript}.then((json) => done({ json }), (error) => done({ error: String(error) }))`
          const result = (await command('POST', '/execute/async', { script, args: [] })) as Outcome
          if (result.json === undefined) throw new Error(result.error)
          return JSON.parse(result.json) as unknown
        }),
      ),
  }
}

interface Outcome {
  readonly json?: string
  readonly error?: string
}

interface Session {
  readonly version: string
  /** A command of the WebDriver specification; the path is relative to the session. */
  command(method: string, path: string, body?: object): Promise<unknown>
}

async function drive<T>(address: string, binary: string, use: (session: Session) => Promise<T>): Promise<T> {
  for (let tries = 0; !(await fetch(`${address}/status`).catch(() => undefined))?.ok; tries++) {
    if (tries === 100) throw new Error('WebKitWebDriver does not answer')
    await sleep(100)
  }
  const request = async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(address + path, { method, ...(body && { body: JSON.stringify(body) }) })
    const { value } = (await response.json()) as { value: unknown }
    if (!response.ok) throw new Error(`WebDriver ${path}: ${JSON.stringify(value)}`)
    return value
  }
  const options = { binary, args: ['--automation'] }
  const capabilities = { alwaysMatch: { browserName: 'MiniBrowser', 'webkitgtk:browserOptions': options } }
  const session = (await request('POST', '/session', { capabilities })) as {
    sessionId: string
    capabilities: { browserVersion: string }
  }
  const path = `/session/${session.sessionId}`
  try {
    return await use({
      version: session.capabilities.browserVersion,
      command: (method, command, body) => request(method, path + command, body),
    })
  } finally {
    await request('DELETE', path)
  }
}
