import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'vitest'

/** Runs the command that an example's README gives to compile its model, into `out` instead of the example's own folder. */
export async function compileExample(example: string, out: string): Promise<void> {
  const [line] = /^ {4}node dist\/compiler\/cli\/main\.js .*$/m.exec(readFileSync(`${example}/README.md`, 'utf8'))!
  const args = line.trim().split(' ').slice(1)
  expect(args).toContain(`${example}/out`)
  const own = args.map((arg) => (arg === `${example}/out` ? out : arg))
  await promisify(execFile)(process.execPath, own)
}

const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' }

/** Serves the files of a folder. */
export async function serveFolder(folder: string): Promise<{ readonly url: string; readonly close: () => void }> {
  const server = createServer(({ url = '/' }, response) => {
    const file = join(folder, url === '/' ? 'index.html' : url.slice(1))
    const found = existsSync(file)
    response.writeHead(found ? 200 : 404, { 'Content-Type': types[extname(file)] ?? 'application/wasm' })
    response.end(found ? readFileSync(file) : '')
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as { port: number }
  return { url: `http://127.0.0.1:${port}/`, close: () => void server.close() }
}
