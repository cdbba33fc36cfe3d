import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { promisify } from 'node:util'
import { unzipSync } from 'fflate'
import { chromium, type Browser, type Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findExecutable } from '../../compiler/bench/engines/process.ts'
import { tensorOf, toNumbers } from '../../compiler/core/tensor.ts'
import { randomInputs, readNpz, splitSamples, writeNpz } from '../../compiler/data/index.ts'
import { artefacts, compile, importModel, instantiate, quantize, type Compiled } from '../../compiler/index.ts'
import { model } from '../onnx/build.ts'

const site = mkdtempSync(join(tmpdir(), 'attar-playground-'))
const digits = new Uint8Array(readFileSync('examples/digits/digits.onnx'))
/** Eight pictures. */
const { image } = readNpz(new Uint8Array(readFileSync('examples/digits/test.npz')))
const data = writeNpz({
  image: { ...image!, shape: [8, ...image!.shape.slice(1)], data: image!.data.slice(0, 8 * 784) },
})
const unknown = model({ inputs: ['x f32[2]'], outputs: ['y f32[2]'], nodes: ['y = NoSuchThing(x)'] })
const dims = { batch: 1 }

const servers: Server[] = []
/** What was asked of a server that is not the page's own. */
const outside: string[] = []
let [url, elsewhere] = ['', '']

async function serve(answer: Parameters<typeof createServer>[1]): Promise<string> {
  const server = createServer(answer!)
  servers.push(server)
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return `http://127.0.0.1:${(server.address() as { port: number }).port}/`
}

const types: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' }

/** Browsers on a busy machine. */

/** The baseline module and what it makes of random values. */
let compiled: Compiled
let values: string

beforeAll(async () => {
  await promisify(execFile)(process.execPath, ['scripts/build-playground.mjs', '-o', site])
  url = await serve(({ url: path = '/' }, response) => {
    const file = join(site, path === '/' ? 'index.html' : path)
    const found = existsSync(file)
    response.writeHead(found ? 200 : 404, { 'Content-Type': types[extname(file)] ?? 'application/octet-stream' })
    response.end(found ? readFileSync(file) : '')
  })
  elsewhere = await serve((request, response) => {
    outside.push(request.url!)
    response.writeHead(200, { 'Access-Control-Allow-Origin': '*' }).end()
  })
  compiled = await compile(digits, { dims, targets: ['simd'] })
  const inputs = randomInputs(compiled.spec.inputs, 1)
  const image = inputs['image']!.data as Float32Array
  const { probabilities } = instantiate(new Uint8Array(compiled.modules.simd!), compiled.spec).run({ image })
  values = toNumbers(tensorOf('f32', [10], [...(probabilities as Float32Array)]))
    .map((x) => String(Number(x.toPrecision(9))))
    .join(' ')
})
afterAll(() => {
  for (const server of servers) server.close()
  rmSync(site, { recursive: true })
})

/** In the page: drops a file on an element. */
function drop([selector, name, base64]: readonly [string, string, string]): void {
  const transfer = new DataTransfer()
  transfer.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name))
  const event = new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true })
  document.querySelector(selector)!.dispatchEvent(event)
}
/** In the page: chooses the baseline and compiles. */
function compileBaseline(): void {
  const target = document.querySelector<HTMLSelectElement>('[name=target]')!
  target.value = 'simd'
  target.dispatchEvent(new Event('change', { bubbles: true }))
  document.getElementById('compile')!.click()
}
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

const executablePath =
  findExecutable('/usr/bin/chromium', 'chromium', 'chromium-browser', 'google-chrome') ??
  [chromium.executablePath()].find(existsSync)

describe.skipIf(executablePath === undefined)('the playground in Chromium', () => {
  let browser: Browser
  let page: Page
  const requests: string[] = []
  const problems: string[] = []
  const idle = (): Promise<void> => page.locator('body[aria-busy=false]').waitFor()
  const dropped = (selector: string, name: string, bytes: Uint8Array): Promise<void> =>
    page.evaluate(drop, [selector, name, base64(bytes)] as const)
  const downloaded = async (button: string): Promise<Uint8Array> => {
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: button, exact: true }).click(),
    ])
    return new Uint8Array(readFileSync(await download.path()))
  }

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: executablePath!, args: ['--no-sandbox', '--disable-gpu'] })
    page = await browser.newPage({ viewport: { width: 390, height: 844 } })
    page.on('request', (request) => requests.push(`${request.method()} ${request.url()}`))
    page.on('pageerror', (error) => problems.push(error.message))
    page.setDefaultTimeout(180_000)
    await page.goto(url)
  })
  afterAll(() => browser?.close())

  it('loads no Binaryen before there is a model', () => {
    expect(requests.filter((request) => request.includes('binaryen'))).toEqual([])
  })

  it('compiles a dropped model to what Node makes of it, and runs it to the same values', async () => {
    await dropped('#pick', 'digits.onnx', digits)
    await page.locator('#trial').waitFor()
    await idle()
    await page.evaluate(compileBaseline)
    await page.locator('#outputs').getByText('by the simd module').waitFor()
    expect(await page.locator('#outputs .values').innerText()).toBe(values)
    const files = artefacts(compiled, 'digits')
    const zip = unzipSync(await downloaded('Download all (.zip)'))
    expect(Object.keys(zip).sort()).toEqual(Object.keys(files).sort())
    for (const [name, content] of Object.entries(files)) expect(Buffer.from(zip[name]!)).toEqual(Buffer.from(content))
    expect(await page.locator('#model').innerText()).toContain('f32_winograd_2x2')
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390)
  })

  it('makes integers of it by dropped data, as Node does', async () => {
    await page.locator('[name=quantize]').selectOption('int8')
    await page.locator('#compile').click()
    await page.getByText('integers for activations need calibration data').waitFor()
    await dropped('#calibration', 'test.npz', data)
    await page.locator('#compile').click()
    await page.getByRole('button', { name: 'Download quantization.html' }).waitFor()
    await idle()
    const imported = importModel(digits, { dims })
    const inputs = imported.graph.inputs.map(({ name, value }) => ({ name, ...value.type }))
    const calibration = splitSamples(readNpz(data), inputs).samples
    const small = await quantize(digits, { dims, mode: 'int8', calibration, sensitivity: false })
    const { modules } = await compile(small, { targets: ['simd'] })
    expect(Buffer.from(await downloaded('Download digits.wasm'))).toEqual(Buffer.from(modules.simd!))
  })

  it('tells latency of the modules that were compiled', async () => {
    await page.locator('#measure').click()
    await page.locator('#timings tbody tr').waitFor()
    expect(await page.locator('#timings tbody tr').allInnerTexts()).toEqual([
      expect.stringMatching(/^simd(\s+[\d.]+){4} to [\d.]+\s+\d+ × \d+$/),
    ])
    await idle()
  })

  it('says of wrong files what is wrong, where, and what helps', async () => {
    await dropped('#pick', 'notes.onnx', new TextEncoder().encode('not a model at all'))
    await page.getByText('A101 not-onnx').waitFor()
    await idle()
    await dropped('#pick', 'unknown.onnx', unknown)
    await page.getByText('A201 unsupported-operator').waitFor()
    expect(await page.locator('#failures').innerText()).toMatch(/In NoSuchThing "#?\w+" \(opset \d+\)/)
    expect(await page.locator('#trial').isVisible()).toBe(false)
    await idle()
  })

  it('lets nothing out, neither the page nor its worker', async () => {
    const send = (to: string): Promise<string> =>
      fetch(to, { method: 'POST', body: 'x' }).then(
        () => 'sent',
        () => 'refused',
      )
    expect(page.workers()).toHaveLength(1)
    expect(await page.workers()[0]!.evaluate(send, elsewhere)).toBe('refused')
    expect(await page.evaluate(send, elsewhere)).toBe('refused')
    expect(outside).toEqual([])
    // Blobs are in the page's own memory.
    const asked = requests.filter((request) => !/^GET (blob|data):/.test(request) && !request.endsWith(elsewhere))
    expect(asked.filter((request) => !request.startsWith(`GET ${url}`))).toEqual([])
    expect(problems).toEqual([])
  })
})

const firefoxPath = findExecutable('/usr/bin/firefox-esr', 'firefox-esr', 'firefox')

describe.skipIf(firefoxPath === undefined)('the playground in Firefox', () => {
  it('compiles and runs a dropped model', async () => {
    const { default: puppeteer } = await import('puppeteer-core')
    const browser = await puppeteer.launch({ browser: 'firefox', executablePath: firefoxPath!, headless: true })
    try {
      const page = await browser.newPage()
      page.setDefaultTimeout(180_000)
      await page.goto(url)
      await page.evaluate(drop, ['#pick', 'digits.onnx', base64(digits)] as const)
      await page.waitForSelector('#trial:not([hidden])')
      await page.waitForSelector('body[aria-busy=false]')
      await page.evaluate(compileBaseline)
      await page.waitForSelector('#outputs .values')
      await page.waitForSelector('body[aria-busy=false]')
      expect(await page.$eval('#outputs', (each) => each.textContent)).toContain('by the simd module')
      expect(await page.$eval('#outputs .values', (each) => each.textContent)).toBe(values)
    } finally {
      await browser.close()
    }
  })
})
