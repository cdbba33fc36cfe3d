import { readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { chromium } from '../../compiler/bench/engines/chromium.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { writeNpz } from '../../compiler/data/index.ts'
import { model, stored, type GraphText } from '../onnx/build.ts'
import { commandLine } from '../support/command-line.ts'
import { Random } from '../support/random.ts'
import { classifier } from './classifier.ts'
import { residual } from './residual.ts'

const { at, out, err, attar } = commandLine()

beforeAll(() => {
  writeFileSync(at('classifier.onnx'), model(classifier))
  const erf = { inputs: ['x f32[4]'], outputs: ['y f32[4]'], nodes: ['y = Erf(x)'] }
  writeFileSync(at('erf.onnx'), model(erf))
})

const bench = (...args: string[]): Promise<number> =>
  attar('bench', ...args, '--runs', '3', '--starts', '1', '--warm-up', '1')
const lines = (): Record<string, unknown>[] => out.map((line) => JSON.parse(line) as Record<string, unknown>)

const peers = ['onnxruntime-web', 'litert', 'tfjs']
const { absent } = await chromium()

it.skipIf(absent)('measures other systems in one page, where they compute what attar does', async () => {
  const args = ['--engines', 'chromium', '--against', peers.join(), '--html', at('report.html'), '--json']
  expect(await bench(at('classifier.onnx'), ...args), err.join()).toBe(0)
  const found = lines()
  expect(found.slice(0, 4).map(({ system }) => system)).toEqual(['attar', ...peers])
  expect(found.slice(4).map(({ against, agrees }) => [against, agrees])).toEqual(peers.map((peer) => [peer, true]))
  for (const { difference } of found.slice(4)) expect(difference).toBeLessThan(1e-5)
  for (const { peakBytes, fetchMs } of found.slice(1, 4)) {
    expect(peakBytes).toBeGreaterThanOrEqual(2 ** 24)
    expect(fetchMs).toBeGreaterThan(0)
  }

  const page = readFileSync(at('report.html'), 'utf8')
  expect(page).not.toMatch(/(src|href)="?http|<script/)
  expect(page.match(/<svg /g)!.length).toBeGreaterThanOrEqual(4)
  for (const peer of peers) expect(page).toContain(`<th>${peer}</th>`)
  expect(page).toMatch(/Kernels of the (relaxed-)?simd module/)
})

/** A convolution and a dense layer between roundings to integers. */
const quantized = {
  inputs: ['x f32[1,8,6,6]'],
  outputs: ['y f32[1,8,6,6]'],
  nodes: [
    ...['q = QuantizeLinear(x, s, z)', 'a = DequantizeLinear(q, s, z)', 'w = DequantizeLinear(wq, s, zw)'],
    ...['c = Conv(a, w, b)', 'r = Relu(c)', 'p = QuantizeLinear(r, s, z)', 'y = DequantizeLinear(p, s, z)'],
  ],
  initializers: [
    stored('s', tensorOf('f32', [], [0.0625])),
    stored('z', tensorOf('u8', [], [17])),
    stored('zw', tensorOf('i8', [], [0])),
    stored(
      'wq',
      tensorOf(
        'i8',
        [8, 8, 1, 1],
        Array.from({ length: 64 }, (_, i) => ((i * 37) % 31) - 15),
      ),
    ),
    stored('b', tensorOf('f32', [8], [0, 1, 2, 3, -1, -2, -3, 0.5])),
  ],
}

it.skipIf(absent)('gives them a quantized model as integers and as floats', async () => {
  writeFileSync(at('quantized.onnx'), model(quantized))
  const args = ['--engines', 'chromium', '--against', 'onnxruntime-web,litert', '--json']
  expect(await bench(at('quantized.onnx'), ...args), err.join()).toBe(0)
  const found = lines().filter(({ against }) => against !== undefined)
  const forms = ['onnxruntime-web int8', 'onnxruntime-web f32', 'litert int8', 'litert f32']
  expect(found.map(({ against }) => against)).toEqual(forms)
  // Integers are the same everywhere; floats are not rounded to them.
  const differences = found.map(({ difference }) => Number(difference))
  expect(differences.map((d) => d === 0)).toEqual([true, false, true, false])
  for (const difference of differences) expect(difference).toBeLessThan(0.2)
  expect(found.filter(({ fastest }) => fastest)).toHaveLength(1)
})

describe.skipIf(absent)('gives LiteRT.js a model that attar quantized in integers', () => {
  const random = new Random(8)
  const samples = Array.from({ length: 8 * 3 * 12 * 12 }, () => 4 * random.float() - 2)
  const compared = async (text: GraphText) => {
    writeFileSync(at('floats.onnx'), model(text))
    writeFileSync(at('samples.npz'), writeNpz({ x: tensorOf('f32', [8, 3, 12, 12], samples) }))
    const quantizing = ['--quantize', 'int8', '--calib', at('samples.npz'), '--emit-onnx', at('integers.onnx')]
    expect(await attar('compile', at('floats.onnx'), '-o', at('out'), ...quantizing), err.join()).toBe(0)
    out.length = 0
    const args = ['--engines', 'chromium', '--against', 'litert', '--json']
    expect(await bench(at('integers.onnx'), ...args), err.join()).toBe(0)
    const found = lines().filter(({ against }) => against !== undefined)
    expect(found.map(({ against }) => against)).toEqual(['litert int8', 'litert f32'])
    return found[0]
  }

  it('which gives the same, but for the order of sums', async () => {
    const nodes = residual.nodes.map((text) => (text === 's = Add(c2, p)' ? 's = Identity(c2)' : text))
    const { difference } = (await compared({ ...residual, nodes }))!
    expect(difference).toBeLessThan(1e-4)
  })

  it('where it rounds what is added to another layer, too', async () => {
    expect(await compared(residual)).toMatchObject({ agrees: true })
  })
})

it('says which systems cannot run a model, and where', async () => {
  const args = ['--against', 'litert,tfjs', '--engines', 'node (current)', '--json']
  expect(await bench(at('classifier.onnx'), ...args)).toBe(0)
  const place = { model: 'classifier', engine: 'node (current)', skipped: 'it runs in browsers only' }
  expect(lines().slice(1)).toEqual([
    { ...place, system: 'litert' },
    { ...place, system: 'tfjs' },
  ])
  out.length = 0
  expect(await bench(at('erf.onnx'), ...args)).toBe(0)
  const reason = 'it has no equivalent of the function erf, which the model needs'
  expect(lines().slice(0, 2)).toEqual([
    { model: 'erf', system: 'litert', skipped: reason },
    { model: 'erf', system: 'tfjs', skipped: reason },
  ])
})

it('gives onnxruntime-web what states start as, and says which systems have none', async () => {
  const sums = { inputs: ['x f32[4]', 'h f32[4]'], outputs: ['hn f32[4]', 'y f32[4]'] }
  writeFileSync(at('sums.onnx'), model({ ...sums, nodes: ['hn = Add(x, h)', 'y = Mul(hn, hn)'] }))
  const args = ['--state', 'h=hn', '--state-init', 'h=1,2,3,4', '--against', 'onnxruntime-web,litert,tfjs', '--json']
  expect(await bench(at('sums.onnx'), ...args, '--engines', 'node (current)'), err.join()).toBe(0)
  const reason = 'it has no equivalent of states between runs, which the model needs'
  expect(lines().slice(0, 2)).toEqual([
    { model: 'sums', system: 'litert', skipped: reason },
    { model: 'sums', system: 'tfjs', skipped: reason },
  ])
  // After runs whose states went on from one to the next.
  expect(lines().find(({ against }) => against === 'onnxruntime-web')).toMatchObject({ agrees: true })
})

it('refuses systems that it does not know', async () => {
  for (const [args, message] of [
    [['--against', 'caffe'], 'no system "caffe"'],
    [['--against', 'tfjs,litert', '--peer-model', 'tfjs=model.json'], '--peer-model is for litert only'],
  ] as const) {
    err.length = 0
    expect(await bench(at('classifier.onnx'), ...args)).toBe(2)
    expect(err.join('\n')).toContain(message)
  }
})
