import { expect, it } from 'vitest'
import { reportPage, type EngineBench, type Layer } from '../../compiler/bench/index.ts'
import type { Measurement } from '../../compiler/bench/results.ts'

const place = { model: 'm', engine: 'chromium', version: 'Chromium <1>' }
const measurement = (system: Measurement['system'], ms: number): Measurement => ({
  ...place,
  system,
  variant: system === 'attar' ? 'simd' : null,
  ...{ fetchMs: 3, compileMs: null, instantiateMs: 5, firstRunMs: 7, coldStartMs: 12 },
  ...{ medianMs: ms, p95Ms: 2 * ms, bestMs: ms / 2, samples: 3, runsPerSample: 1, sampleMs: [ms / 2, ms, 2 * ms] },
  ...{
    gmacs: null,
    macs: null,
    peaks: { f32: 24.5 },
    ofPeak: 0.5,
    bytes: { raw: 3000, gzip: 2000, brotli: 1000 },
    peakBytes: 65536,
  },
})
const compared = { ...place, variant: 'simd', against: 'tfjs', difference: 0.25, agrees: false } as const
const result: EngineBench = {
  measurements: [measurement('attar', 0.5), measurement('tfjs', 1.5)],
  comparisons: [{ ...compared, ratio: 3, ratioQ1: 2.5, ratioQ3: 3.5, bestRatio: 2.75, coldStartRatio: 4.125 }],
  absent: [{ system: 'litert', reason: 'a & b' }],
  peaks: { f32: 24.5, dot: 98 },
  macs: { f32: 1000, i16: 0, dot: 3000 },
}
const kernel = (name: string, medianMs: number, speed?: Partial<Layer>): Layer => ({
  kernel: name,
  nodes: [`${name}_node`],
  ...{ macs: 0, integerMacs: 0, dotMacs: 0, gmacs: null, ofPeak: null },
  medianMs,
  ...speed,
})

it('makes a page that loads nothing, with a diagram of each measurement', async () => {
  const product = kernel('u8_igemm_i16_4x8', 0.002, { macs: 60_000, integerMacs: 60_000, gmacs: 30, ofPeak: 0.6 })
  const layers = {
    engine: 'Node',
    target: 'simd',
    runMs: 0.006,
    macs: { f32: 0, i16: 60_000, dot: 0 },
    peaks: { f32: 25, i16: 50 },
    layers: [kernel('nest', 0.003), kernel('zero_border', 0.001), product],
  }
  const page = await reportPage({ model: '<m>', results: [result], absent: [], layers })
  expect(page).not.toMatch(/<script|(src|href)="?http/)
  expect(page).toContain('<h1>&lt;m&gt;</h1>')
  expect(page).toContain(
    'Chromium &lt;1&gt;. Multiply-adds that never leave the registers reach 24.5 GMAC/s in f32 (25 % of MACs), 98.0 GMAC/s in relaxed dot products of i8 (75 % of MACs) here',
  )
  expect(page).toContain('litert was not measured: a &amp; b.')
  expect(page).toContain(
    '<th>tfjs</th><td>3.00</td><td>2.50 – 3.50</td><td>2.75</td><td>4.1</td><td class="text long">differ by more than 1 %, 2.5e-1 at most</td>',
  )
  // Latency, cold start, download and layers; legends are drawn too.
  expect(page.match(/<svg /g)!.length).toBeGreaterThanOrEqual(4)
  expect(page).toContain(
    'Registers reach 25.0 GMAC/s in f32 (0 % of MACs), 50.0 GMAC/s in products of i16 (100 % of MACs).',
  )
  expect(page).toContain('2.0 µs, 30.0 GMAC/s, 60 % of peak')
  for (const text of ['attar (simd)', '0.500 ms', '1.50 ms', '12.0 ms', '3.00', 'nest_node', '3.0 µs', '1.0 µs'])
    expect(page).toContain(text)
})
