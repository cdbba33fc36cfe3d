import { readFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { Job } from './engine.ts'

/** Milliseconds in which a browser that has just been started finishes that: its processes compete for few cores. */
const settleMs = 2000

/** Evaluated in the page that `withPage` serves; a promise of the job's result as JSON. */
export const pageScript = `new Promise((settled) => setTimeout(settled, ${settleMs})).then(() => Promise.all([
  import('/model.js'), import('/task.js'), fetch('/job.json').then((response) => response.json()),
])).then(([model, task, { payload, files }]) => task.default(model, payload, files))
  .then((result) => JSON.stringify(result))`

/** Serves a job on the loopback interface while `use` runs with the address of a page of the same origin. */
export async function withPage<T>(job: Job, use: (url: string) => Promise<T>): Promise<T> {
  const model = (file: string) => readFile(join(job.directory, file))
  const files = Object.entries(job.files ?? {}).map(([name, path]) => {
    return { name, address: `/files/${encodeURIComponent(name)}`, read: () => readFile(path) }
  })
  const addresses = Object.fromEntries(files.map(({ name, address }) => [name, address]))
  const contents: Record<string, () => Promise<string | Uint8Array> | string> = {
    ...Object.fromEntries(files.map(({ address, read }) => [address, read])),
    '/': () => '<!doctype html><title>attar</title>',
    '/task.js': () => job.script,
    '/job.json': () => JSON.stringify({ payload: job.payload, files: addresses }),
    '/model.js': () => model(`${job.name}.js`),
    [`/${encodeURIComponent(job.name)}.wasm`]: () => model(`${job.name}.wasm`),
    [`/${encodeURIComponent(job.name)}.relaxed.wasm`]: () => model(`${job.name}.relaxed.wasm`),
  }
  const server = createServer((request, response) => {
    const content = contents[request.url ?? '']
    const answer = content ? Promise.resolve(content()) : Promise.reject(new Error('no such file'))
    answer.then(
      (body) => send(response, 200, request.url!, body),
      (error) => send(response, 404, '/', String(error)),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  try {
    const address = server.address()
    if (!address || typeof address === 'string') throw new Error('no port')
    return await use(`http://127.0.0.1:${address.port}/`)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

const types: Record<string, string> = {
  js: 'text/javascript',
  mjs: 'text/javascript',
  json: 'application/json',
  wasm: 'application/wasm',
}

function send(response: ServerResponse, status: number, url: string, body: string | Uint8Array): void {
  response.writeHead(status, {
    'Content-Type': types[url.split('.').at(-1)!] ?? 'text/html',
    // Cross-origin isolation gives performance.now its finer steps.
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Embedder-Policy': 'require-corp',
  })
  response.end(body)
}
