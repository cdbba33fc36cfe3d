import { printable } from '../../core/diagnostics/printable.ts'
import type { Layer } from '../layers.ts'
import type { Measurement } from '../results.ts'
import { median } from '../statistics.ts'
import type { Libraries } from '../../report/libraries.ts'

/** A diagram as SVG inside HTML. */
type Diagram = string

const width = 860
const rowHeight = 30
const left = 210

/** Axes and defaults that all diagrams share; texts take the page's colour. */
const frame = ({ document }: Libraries) => ({
  document,
  width,
  marginLeft: left,
  marginRight: 90,
  marginBottom: 48,
  style: { fontSize: '13px', background: 'none', overflow: 'visible' },
})

const systemOf = ({ system, variant }: Measurement): string => (variant === null ? system : `${system} (${variant})`)

/** Rows of one engine, top to bottom as they were measured. */
const systemsOf = (measurements: readonly Measurement[]): string[] => [...new Set(measurements.map(systemOf))]

/** `1.23`, `45.6`, `789` */
export const short = (value: number): string =>
  value < 100 ? value.toPrecision(3) : Math.round(value).toLocaleString('en-US')

/** Every sample as a stroke, the middle half as a bar and the median as a number. */
export function latencies(libraries: Libraries, measurements: readonly Measurement[]): Diagram {
  const { plot: Plot } = libraries
  const samples = measurements.flatMap((m) => m.sampleMs.map((ms) => ({ system: systemOf(m), ms })))
  const medians = measurements.map((m) => ({ system: systemOf(m), ms: median(m.sampleMs) }))
  const systems = systemsOf(measurements)
  return render(
    Plot.plot({
      ...frame(libraries),
      height: systems.length * rowHeight + 74,
      x: {
        type: 'log',
        label: 'milliseconds of one run (logarithmic)',
        labelOffset: 42,
        ticks: 6,
        grid: true,
        tickFormat: short,
      },
      y: { domain: systems, label: null },
      marks: [
        Plot.tickX(samples, {
          x: 'ms',
          y: 'system',
          stroke: 'var(--faint)',
          strokeOpacity: 0.45,
          insetTop: 4,
          insetBottom: 4,
        }),
        Plot.barX(
          samples,
          Plot.groupY(
            { x1: 'p25', x2: 'p75' },
            { x1: 'ms', x2: 'ms', y: 'system', fill: 'var(--accent)', fillOpacity: 0.55, insetTop: 6, insetBottom: 6 },
          ),
        ),
        Plot.tickX(medians, {
          x: 'ms',
          y: 'system',
          stroke: 'var(--ink)',
          strokeWidth: 3,
          insetTop: 2,
          insetBottom: 2,
        }),
        Plot.text(medians, {
          y: 'system',
          text: (m: { ms: number }) => `${short(m.ms)} ms`,
          frameAnchor: 'right',
          dx: 84,
          fill: 'currentColor',
        }),
      ],
    }),
  )
}

const parts = [
  ['compile', 'compileMs'],
  ['instantiate', 'instantiateMs'],
  ['first run', 'firstRunMs'],
] as const

/** The parts of a cold start one after another, and the whole as a number at their end. */
export function coldStarts(libraries: Libraries, measurements: readonly Measurement[]): Diagram {
  const { plot: Plot } = libraries
  const bars = measurements.flatMap((m) =>
    parts.map(([part, field]) => ({ system: systemOf(m), part, ms: m[field] ?? 0 })),
  )
  // The clock's own time and what is not in a part are in the whole alone.
  const totals = measurements.map((m) => ({ system: systemOf(m), ms: m.coldStartMs }))
  return render(
    Plot.plot({
      ...frame(libraries),
      height: totals.length * rowHeight + 74,
      x: { label: 'milliseconds', labelOffset: 42, grid: true, tickFormat: short },
      y: { domain: totals.map(({ system }) => system), label: null },
      color: {
        domain: parts.map(([part]) => part),
        range: ['var(--part-2)', 'var(--part-3)', 'var(--part-4)'],
        legend: true,
      },
      marks: [
        Plot.barX(bars, {
          x: 'ms',
          y: 'system',
          fill: 'part',
          insetTop: 5,
          insetBottom: 5,
          title: (b: (typeof bars)[number]) => `${b.part}: ${short(b.ms)} ms`,
        }),
        Plot.text(totals, {
          x: 'ms',
          y: 'system',
          text: (t: { ms: number }) => `${short(t.ms)} ms`,
          dx: 6,
          textAnchor: 'start',
          fill: 'currentColor',
        }),
        Plot.ruleX([0], { stroke: 'currentColor' }),
      ],
    }),
  )
}

/** What is downloaded, as it is and compressed. */
export function downloads(libraries: Libraries, measurements: readonly Measurement[]): Diagram {
  const { plot: Plot } = libraries
  const systems = systemsOf(measurements)
  const forms = ['raw', 'gzip', 'brotli'] as const
  const bars = measurements.flatMap((m) =>
    forms.map((form) => ({ system: systemOf(m), form, kilobytes: m.bytes[form] / 1000 })),
  )
  return render(
    Plot.plot({
      ...frame(libraries),
      height: systems.length * (2.4 * rowHeight) + 74,
      x: { label: 'kilobytes (1000 bytes)', labelOffset: 42, grid: true },
      y: { domain: forms, label: null, axis: null },
      fy: { domain: systems, label: null, axis: 'left' },
      color: { domain: forms, range: ['var(--part-1)', 'var(--part-2)', 'var(--part-3)'], legend: true },
      marks: [
        Plot.barX(bars, { x: 'kilobytes', y: 'form', fy: 'system', fill: 'form', insetTop: 1, insetBottom: 1 }),
        Plot.text(bars, {
          x: 'kilobytes',
          y: 'form',
          fy: 'system',
          text: (b: (typeof bars)[number]) => short(b.kilobytes),
          dx: 6,
          textAnchor: 'start',
          fill: 'currentColor',
        }),
        Plot.ruleX([0], { stroke: 'currentColor' }),
      ],
    }),
  )
}

/** Kernels in the order they run, with their share of the time and their speed. */
export function layers(libraries: Libraries, measured: readonly Layer[]): Diagram {
  const { plot: Plot } = libraries
  const total = measured.reduce((sum, { medianMs }) => sum + medianMs, 0)
  const rows = measured.map(({ kernel, nodes, medianMs, gmacs, ofPeak }, i) => ({
    row: i,
    label: shortened(nodes.at(-1) ?? kernel),
    kernel,
    percent: (100 * medianMs) / total,
    text: [
      `${(1000 * medianMs).toFixed(1)} µs`,
      ...(gmacs === null ? [] : [`${gmacs.toFixed(1)} GMAC/s`]),
      ...(ofPeak === null ? [] : [`${(100 * ofPeak).toFixed(0)} % of peak`]),
    ].join(', '),
  }))
  return render(
    Plot.plot({
      ...frame(libraries),
      marginRight: 240,
      height: rows.length * 20 + 74,
      x: { label: 'per cent of the kernels’ time', labelOffset: 42, grid: true },
      y: {
        domain: rows.map(({ row }) => row),
        label: null,
        tickFormat: (row: number) => rows[row]!.label,
        tickSize: 0,
      },
      color: {
        legend: true,
        range: ['var(--part-1)', 'var(--part-2)', 'var(--part-3)', 'var(--part-4)', 'var(--part-5)', 'var(--part-6)'],
      },
      marks: [
        Plot.barX(rows, { x: 'percent', y: 'row', fill: 'kernel', insetTop: 2, insetBottom: 2 }),
        Plot.text(rows, {
          x: 'percent',
          y: 'row',
          text: 'text',
          dx: 6,
          textAnchor: 'start',
          fill: 'currentColor',
          fontSize: 11,
        }),
        Plot.ruleX([0], { stroke: 'currentColor' }),
      ],
    }),
  )
}

/** Ends of node names tell more than their beginnings. */
function shortened(node: string): string {
  const name = printable(node)
  return name.length <= 25 ? name : `…${name.slice(-24)}`
}

const render = (element: { readonly outerHTML: string }): Diagram => element.outerHTML
