import { reportPage, type EngineBench, type Layer } from '../../compiler/bench/index.ts'
import type { Measurement } from '../../compiler/bench/results.ts'
import type { LayerReport, QuantizationReport, RangeReport } from '../../compiler/index.ts'
import { quantizationPage } from '../../compiler/package/quantization-page.ts'

const model = 'a-model-with-a-name-of-many-parts-without-spaces-v2-0.25-128'

function measurement(system: Measurement['system'], ms: number): Measurement {
  return {
    ...{ model, engine: 'chromium', version: 'Chromium 156.0.7204.49 built on Debian GNU/Linux 12', system },
    variant: system === 'attar' ? 'relaxed-simd' : null,
    ...{ fetchMs: 31, compileMs: system === 'attar' ? 4.5 : null, instantiateMs: 5, firstRunMs: 7, coldStartMs: 17.25 },
    ...{ medianMs: ms, p95Ms: 2 * ms, bestMs: ms / 2, samples: 3, runsPerSample: 1, sampleMs: [ms / 2, ms, 2 * ms] },
    ...{ gmacs: 24.5, macs: { f32: 1e6, i16: 0, dot: 3e6 }, peaks: { f32: 24.5, dot: 98 }, ofPeak: 0.5 },
    bytes: { raw: 12_345_678, gzip: 9_876_543, brotli: 8_765_432 },
    peakBytes: 123_456_789,
  }
}

const layerName = (i: number): string => `/model/encoder/layers.${i}/attention/self/query/MatMul_quantized_output`

function bench(): Promise<string> {
  const peers = ['onnxruntime-web', 'tfjs'] as const
  const place = { model, engine: 'chromium', version: 'Chromium', variant: 'relaxed-simd' } as const
  const ratios = { ratio: 3, ratioQ1: 2.5, ratioQ3: 3.5, bestRatio: 2.75, coldStartRatio: 4.125 }
  const result: EngineBench = {
    measurements: [measurement('attar', 0.5), ...peers.map((peer, i) => measurement(peer, 1.5 + i))],
    comparisons: peers.map((against) => ({ ...place, ...ratios, against, difference: 0.25, agrees: false })),
    absent: [{ system: 'litert', reason: `it has no equivalent of ${layerName(0)}, which the model needs` }],
    peaks: { f32: 24.5, dot: 98 },
    macs: { f32: 1e6, i16: 0, dot: 3e6 },
  }
  const layers = Array.from({ length: 24 }, (_, i): Layer => ({
    kernel: ['u8_igemm_i16_4x8', 'nest', 'f32_gemv_1x32', 'zero_border', 'rows', 'f32_winograd_2x2'][i % 6]!,
    nodes: [layerName(i)],
    ...{ macs: 60_000, integerMacs: 60_000, dotMacs: 0, gmacs: 30, ofPeak: 0.6, medianMs: 0.002 * (1 + (i % 5)) },
  }))
  const timed = { layers, runMs: 0.1, macs: { f32: 0, i16: 60_000, dot: 0 }, peaks: { f32: 25, i16: 50 } }
  return reportPage({
    ...{ model, results: [result], absent: [] },
    layers: { ...timed, engine: 'Node v26.0.0', target: 'relaxed-simd' },
  })
}

function quantization(): string {
  const range: RangeReport = {
    ...{ low: -12.5, high: 31.25, sqnrDb: 31.4, scale: 0.17, zero: 73, clip: 0 },
    histogram: { from: -20, to: 40, counts: Array.from({ length: 64 }, (_, i) => (i * 37) % 100) },
  }
  const layers = Array.from({ length: 12 }, (_, i): LayerReport => ({
    ...{
      name: layerName(i),
      operator: 'com.microsoft.FusedMatMul',
      kept: i === 3 ? 'it costs too much accuracy' : null,
    },
    ...{ floatBytes: 4_000_000, bytes: 1_000_000, bits: 8, inputBits: 8, weightsSqnrDb: 38.5, inputs: [range, range] },
    ...{ resultSqnrDb: 30.5, sensitivity: 0.01 * (1 + i) },
  }))
  const report: QuantizationReport = {
    ...{ mode: 'int8', samples: 300, seed: 1, techniques: ['equalization', 'rounding that makes up for errors'] },
    ...{ floatBytes: 48_000_000, bytes: 12_000_000, notes: [`${layerName(1)} was left in f32`], layers },
    ...{ maxDrop: 0.01, withinBudget: true },
    accuracy: {
      ...{ metric: 'top1', float: 0.9137, quantized: 0.9139, drop: -0.0002, interval: [-0.001, 0.0005] },
      ...{ samples: 10_000, agreement: 0.993, sqnrDb: 28.5 },
    },
  }
  return quantizationPage(report, model)
}

/** Pages with long names and large numbers, by the name of the file. */
export const pages = async (): Promise<Record<string, string>> => ({
  bench: await bench(),
  quantization: quantization(),
})
