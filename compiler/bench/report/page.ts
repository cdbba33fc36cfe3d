import { printable } from '../../core/printable.ts'
import { describePeaks } from '../arithmetic.ts'
import type { EngineBench } from '../bench.ts'
import type { LayerBench } from '../layers.ts'
import type { Absence } from '../peers/index.ts'
import type { Comparison, Measurement } from '../results.ts'
import { loadLibraries } from './libraries.ts'
import { coldStarts, downloads, latencies, layers, short } from './plots.ts'

export interface ReportContent {
  readonly model: string
  readonly results: readonly EngineBench[]
  /** Systems that were asked for but cannot run the model. */
  readonly absent: readonly Absence[]
  /** Kernels timed one by one, where that was done, and the engine that ran them. */
  readonly layers?: LayerBench & { readonly engine: string; readonly target: string }
}

/** Measurements as one HTML page that loads nothing. A503 where a package that draws is missing. */
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
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escape(model)}: attar bench</title>
<style>${style}</style>
<body>
${body.join('\n')}
</body>
</html>
`
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

const escape = (text: string): string => printable(text).replaceAll(/[&<>"]/g, (character) => entities[character]!)

const section = (title: string, parts: readonly string[]): string =>
  `<section><h2>${escape(title)}</h2>\n${parts.join('\n')}</section>`

const figure = (title: string, caption: string, diagram: string): string =>
  `<h3>${escape(title)}</h3><p class="note">${escape(caption)}</p><div class="diagram">${diagram}</div>`

const notMeasured = (absent: readonly Absence[]): string[] =>
  absent.map(({ system, reason }) => `<p class="note">${escape(system)} was not measured: ${escape(reason)}.</p>`)

/** The first column names the row. */
function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((cell, i) => (i === 0 ? `<th>${escape(cell)}</th>` : `<${tag}>${escape(cell)}</${tag}>`)).join('')}</tr>`
  return `<div class="diagram"><table><thead>${line(header, 'th')}</thead><tbody>${rows.map((row) => line(row, 'td')).join('')}</tbody></table></div>`
}

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

const style = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1b1f24; --muted: #57606a; --line: #d8dee4;
  --faint: #7d8894; --accent: #2f6fdf;
  --part-1: #9db4c8; --part-2: #2f6fdf; --part-3: #e08a1e; --part-4: #3a9d5d; --part-5: #b4549c; --part-6: #8a6d3b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --ink: #e6e9ed; --muted: #9aa4ae; --line: #30363d;
    --faint: #7d8894; --accent: #5b94f5;
    --part-1: #5d7488; --part-2: #5b94f5; --part-3: #f0a040; --part-4: #54bd7a; --part-5: #d07ab9; --part-6: #b3925c;
  }
}
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; max-width: 1040px; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; margin-bottom: 0; } h2 { border-top: 1px solid var(--line); padding-top: 1.2rem; margin-top: 2rem; } h3 { margin: 1.6rem 0 0; }
.note { color: var(--muted); margin: 0.2rem 0 0.6rem; }
.diagram { overflow-x: auto; } .diagram figure { margin: 0; }
.diagram [class*=swatches] { font-size: 13px !important; }
.diagram svg { max-width: 100%; height: auto; color: var(--ink); --plot-background: var(--paper); }
/* Narrow pages scroll diagrams, whose texts would be too small. */
.diagram svg[viewBox] { min-width: 40rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0.8rem 0; font-size: 0.85rem; }
th, td { border-bottom: 1px solid var(--line); padding: 0.25rem 0.5rem; text-align: right; font-weight: normal; white-space: nowrap; }
thead th { color: var(--muted); } tr > th:first-child { text-align: left; font-weight: 600; }
`
