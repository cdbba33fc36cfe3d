import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { chromium, type Browser } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tensorOf } from '../../compiler/core/tensor.ts'
import type { PackageReport } from '../../compiler/package/index.ts'
import { rails } from '../../compiler/report/inspection/rails.ts'
import { model, node, stored } from '../onnx/build.ts'
import { commandLine } from '../support/command-line.ts'

const { at, err, attar } = commandLine()

const values = (shape: readonly number[]) =>
  tensorOf(
    'f32',
    shape,
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => (((i * 7) % 13) - 6) / 7),
  )

/** A residual block with a name to escape, and the flattening and the constant arithmetic that exporters leave. */
const block = model({
  inputs: ['image f32[1,8,6,6]'],
  outputs: ['scores f32[1,4]'],
  nodes: [
    node('c = Conv(image, w)', { name: 'block/<conv> & "1"', attributes: { pads: [1, 1, 1, 1] } }),
    node('r = Relu(c)', { name: 'block/relu' }),
    node('s = Add(r, image)', { name: 'block/add' }),
    node('double = Add(half, half)', { name: 'known' }),
    node('flat = Flatten(s)', { name: 'flat' }),
    node('scores = MatMul(flat, double)', { name: 'dense' }),
  ],
  initializers: [stored('w', values([8, 8, 3, 3])), stored('half', values([288, 4]))],
})

/** What an unknown operator leaves to show. */
const unknown = model({
  inputs: ['x f32[2]'],
  outputs: ['y f32[2]'],
  nodes: [node('y = Frobnicate(x)', { name: 'odd' })],
  initializers: [],
})

let report: PackageReport
beforeAll(async () => {
  writeFileSync(at('m.onnx'), block)
  writeFileSync(at('odd.onnx'), unknown)
  expect(await attar('compile', at('m.onnx'), '-o', at('out'))).toBe(0)
  report = JSON.parse(readFileSync(at('out/report.json'), 'utf8')) as PackageReport
  const plan = (ms: number) => ({
    ...{ attar: '1', target: 'simd', engine: 'E 1', machine: 'M', runMs: 1 },
    kernels: report.compilation.kernels.map(({ kernel, nodes, macs }) => ({ kernel, nodes, macs, ms })),
  })
  writeFileSync(at('plan.json'), JSON.stringify(plan(0.25)))
  writeFileSync(at('other.json'), JSON.stringify({ ...plan(1), kernels: plan(1).kernels.slice(1) }))
  const [module, beside] = [at('out/model.wasm'), at('m.onnx')]
  expect(await attar('inspect', module, '--html', at('module.html'), '--plan', at('plan.json'))).toBe(0)
  expect(await attar('inspect', beside, '--html', at('model.html'), '--plan', at('plan.json'))).toBe(0)
  expect(await attar('inspect', at('odd.onnx'), '--html', at('odd.html'))).toBe(2)
  writeFileSync(at('alone.wasm'), readFileSync(module))
  expect(await attar('inspect', at('alone.wasm'), '--html', at('alone.html'))).toBe(0)
})

const page = (name: string): string => readFileSync(at(name), 'utf8')
/** The text of each row of a page's first table. */
const rowsOf = (html: string): string[][] =>
  [...html.split('</table>')[0]!.matchAll(/<tr>(.*)<\/tr>/g)].map(([, row]) =>
    [...row!.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/g)].map(([, cell]) => cell!.replaceAll(/<[^>]*>/g, '')),
  )
const count = (n: number): string => n.toLocaleString('en-US')

describe('the report of a compilation', () => {
  // No weight is a float of 16 bits, which a module has in half the bytes.
  it('gives each kernel its weights and the memory that is alive, which add up', () => {
    const { kernels, weights, arenaLowerBound } = report.compilation
    expect(kernels.reduce((sum, kernel) => sum + kernel.weights, 0)).toBe(weights)
    expect(Math.max(...kernels.map(({ live }) => live))).toBe(arenaLowerBound)
    expect(Math.min(...kernels.map(({ live }) => live))).toBeGreaterThan(0)
  })
})

describe('the page of a module', () => {
  it('has every kernel with its bytes, time and memory', () => {
    const { kernels } = report.compilation
    const [, ...rows] = rowsOf(page('module.html'))
    expect(rows.map((row) => [row[1], row[3], row.at(-2), row.at(-1)])).toEqual(
      kernels.map(({ nodes, macs, live }) => [
        nodes
          .join(', ')
          .replaceAll('&', '&amp;')
          .replaceAll('<', '&lt;')
          .replaceAll('>', '&gt;')
          .replaceAll('"', '&quot;'),
        macs === 0 ? '–' : count(macs),
        '250',
        count(live),
      ]),
    )
    expect(page('module.html')).toContain(`fullest in kernel`)
  })

  it('says what it does not know where no report stands beside the module', () => {
    expect(page('alone.html')).toContain('none of this module’s compilation is beside it')
    expect(page('alone.html')).toContain('Bytes by section')
  })
})

describe('the page of a model', () => {
  it('says what becomes of each node', () => {
    const [, ...rows] = rowsOf(page('model.html'))
    const fates = Object.fromEntries(rows.map((row) => [row[1], row.at(-1)]))
    expect(Object.keys(fates)).toEqual([
      ...[
        'image',
        'block/&lt;conv&gt; &amp; &quot;1&quot;',
        'block/relu',
        'block/add',
        'known',
        'flat',
        'dense',
        'scores',
      ],
    ])
    const conv = report.compilation.kernels.find(({ macs }) => macs > 0)!.kernel
    expect(fates['block/&lt;conv&gt; &amp; &quot;1&quot;']).toContain(conv)
    expect(fates['known']).toBe('known when compiled')
    expect(fates['flat']).toBe('a view')
    expect(fates['dense']).toContain('f32_')
    expect(fates['block/relu']).toMatch(/^(fused into block|within its neighbours)/)
  })

  it('shows a model that cannot be compiled, and why', () => {
    expect(page('odd.html')).toContain('A201')
    expect(rowsOf(page('odd.html'))[2]).toEqual(expect.arrayContaining(['odd', 'Frobnicate']))
  })

  it('refuses times of another model, and a page where none can be', async () => {
    expect(await attar('inspect', at('m.onnx'), '--html', at('no.html'), '--plan', at('other.json'))).toBe(2)
    expect(err.join('\n')).toContain('has the times of another model')
    expect(await attar('inspect', at('out/model.wasm'), '--html', at('no.html'), '--plan', at('other.json'))).toBe(2)
    const relaxed = { ...(JSON.parse(readFileSync(at('plan.json'), 'utf8')) as object), target: 'relaxed-simd' }
    writeFileSync(at('relaxed.json'), JSON.stringify(relaxed))
    expect(await attar('inspect', at('out/model.wasm'), '--html', at('no.html'), '--plan', at('relaxed.json'))).toBe(2)
    expect(err.join('\n')).toContain('times of a module for relaxed-simd, and this one is for simd')
    expect(existsSync(at('no.html'))).toBe(false)
    expect(await attar('inspect', at('m.onnx'), '--html', at('m.onnx/page.html'))).toBe(2)
    expect(err.join('\n')).toContain('A505')
  })
})

describe('rails', () => {
  it('give each value a lane from where it is made to where it is read last', () => {
    const { cells, width } = rails([
      { reads: [], makes: ['a'] },
      { reads: ['a'], makes: ['b'] },
      { reads: ['b', 'a'], makes: ['c'] },
      { reads: ['c'], makes: ['unread'] },
    ])
    const [first, second] = [10.5, 24.5]
    // a goes past its reader, which has a lane of its own; both end in the third, and the last makes nothing that is read.
    expect(cells[1]).toContain(`M${first} 0V100`)
    expect(cells[1]).toContain(`M${second} 50h0`)
    expect(cells[2]).not.toContain('V100')
    expect(cells[2]).toContain(`M${second} 0C`)
    expect(cells[3]).toContain(`M${first} 50h0`)
    expect(width).toBe(35)
  })
})

const executable = ['/usr/bin/chromium', chromium.executablePath()].find(existsSync)

describe.skipIf(executable === undefined)('in a browser', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: executable!, args: ['--no-sandbox', '--disable-gpu'] })
  })
  afterAll(() => browser.close())

  it.each(['module.html', 'model.html', 'odd.html'])('%s fits a telephone and shows all on a desktop', async (name) => {
    const tab = await browser.newPage()
    const requests: string[] = []
    tab.on('request', (request) => requests.push(request.url()))
    await tab.setViewportSize({ width: 390, height: 900 })
    await tab.goto(`file://${at(name)}`)
    expect(requests).toHaveLength(1)
    expect(page(name)).not.toContain('<script')
    expect(await tab.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390)
    await tab.setViewportSize({ width: 1280, height: 900 })
    const cut = await tab.evaluate(() =>
      [...document.querySelectorAll('.diagram')].flatMap((box) => {
        const { right } = box.getBoundingClientRect()
        const cells = [...box.querySelectorAll('text, td, th')]
        return cells.filter((cell) => cell.getBoundingClientRect().right > right + 1).map((cell) => cell.textContent)
      }),
    )
    expect(cut).toEqual([])
    await tab.close()
  })
})
