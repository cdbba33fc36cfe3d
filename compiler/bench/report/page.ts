import { describePeaks } from '../arithmetic.ts'
import type { EngineBench } from '../bench.ts'
import type { LayerBench } from '../layers.ts'
import type { Absence } from '../peers/index.ts'
import type { Comparison, Measurement } from '../results.ts'
import { escape, figure, page, section, table } from '../../report/frame.ts'
import { loadLibraries } from '../../report/libraries.ts'
import { coldStarts, downloads, latencies, layers, short } from './plots.ts'

export interface ReportContent {
  readonly model: string
  readonly results: readonly EngineBench[]
  /** Systems that were asked for but cannot run the model. */
  readonly absent: readonly Absence[]
  /** Kernels timed one by one, where that was done, and the engine that ran them. */
  readonly layers?: LayerBench & { readonly engine: string; readonly target: string }
}

/** Measurements as one HTML page that loads nothing. */
export async function reportPage({ model, results, absent, layers: apart }: ReportContent): Promise<string> {
  const libraries = await loadLibraries()
  const engine = ({ measurements, comparisons, absent: missing, peaks, macs }: EngineBench): string => {
    const { engine: name, version } = measurements[0]!
    return section(`${name}`, [
      `<p class="note">${escape(version)}. Multiply-adds that never leave the registers reach ${describePeaks(peaks, macs)} here, measured in the same process.</p>`,
      figure(
        'Latency of a warm run',
        'All systems in one process, their samples in turns. Strokes are samples, the bar is the middle half of them, the number is the median.',
        latencies(libraries, measurements),
      ),
      ...(comparisons.length > 0 ? [comparisonTable(comparisons)] : []),
      figure(
        'Cold start',
        'From bytes in memory to the first result, in a fresh process; a network adds what the bytes below take. Peers compile inside “instantiate”.',
        coldStarts(libraries, measurements),
      ),
      figure(
        'Download',
        'Everything the page needs: model, engine and scripts; each file compressed alone.',
        downloads(libraries, measurements),
      ),
      measurementTable(measurements),
      '<p class="note">“Of the peak” is the share of the median that the model’s multiply-adds would take at what registers reach, in the instructions that attar’s module uses for them.</p>',
      ...notMeasured(missing),
    ])
  }
  const body = [
    `<h1>${escape(model)}</h1>`,
    ...notMeasured(absent),
    ...results.map(engine),
    ...(apart
      ? [
          section('Where the time goes', [
            figure(
              `Kernels of the ${apart.target} module`,
              `Each timed in its place within runs on ${apart.engine}, with the last ONNX node that it computes. Registers reach ${describePeaks(apart.peaks, apart.macs)}.`,
              layers(libraries, apart.layers),
            ),
          ]),
        ]
      : []),
  ]
  return page(`${model}: attar bench`, body)
}

const notMeasured = (absent: readonly Absence[]): string[] =>
  absent.map(({ system, reason }) => `<p class="note">${escape(system)} was not measured: ${escape(reason)}.</p>`)

const count = (n: number): string => n.toLocaleString('en-US')

function comparisonTable(comparisons: readonly Comparison[]): string {
  const header = ['times attar’s time', 'median', 'quartiles', 'best', 'cold start', 'outputs']
  return table(
    header,
    comparisons.map((c) => [
      c.against,
      c.ratio.toFixed(2),
      `${c.ratioQ1.toFixed(2)} – ${c.ratioQ3.toFixed(2)}`,
      c.bestRatio.toFixed(2),
      c.coldStartRatio.toFixed(1),
      c.agrees === null
        ? 'not compared'
        : `${c.agrees ? 'agree' : 'differ by more than 1 %'}, ${c.difference === 0 ? '0' : c.difference!.toExponential(1)} at most`,
    ]),
  )
}

function measurementTable(measurements: readonly Measurement[]): string {
  const header = [
    '',
    'median ms',
    'p95 ms',
    'best ms',
    'cold start ms',
    'GMAC/s',
    'of the peak',
    'raw bytes',
    'brotli bytes',
    'memory bytes',
  ]
  return table(
    header,
    measurements.map((m) => [
      m.variant === null ? m.system : `${m.system} (${m.variant})`,
      ...[m.medianMs, m.p95Ms, m.bestMs, m.coldStartMs].map(short),
      m.gmacs === null ? '–' : m.gmacs.toFixed(1),
      m.ofPeak === null ? '–' : `${(100 * m.ofPeak).toFixed(0)} %`,
      ...[m.bytes.raw, m.bytes.brotli].map(count),
      m.peakBytes === null ? '–' : count(m.peakBytes),
    ]),
  )
}
