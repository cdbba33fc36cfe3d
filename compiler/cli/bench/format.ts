import { describePeaks, fastestOf, type Comparison, type EngineBench, type Measurement } from '../../bench/index.ts'
import { formatCount, formatError, formatTable } from '../format.ts'

/** One object a line: a system on an engine, then how the peers compare. */
export const jsonLines = ({ measurements, comparisons }: EngineBench, isTraining: boolean): object[] => [
  ...measurements.map(({ sampleMs: _, ...measurement }) => ({
    ...measurement,
    ...(isTraining && { stepsPerSecond: 1000 / measurement.medianMs }),
  })),
  ...comparisons.map((each) => {
    const fastest = fastestOf(comparisons)
    return fastest ? { ...each, fastest: each === fastest } : each
  }),
]

export function describe({ measurements, comparisons, peaks, macs }: EngineBench, isTraining: boolean): string[] {
  const { engine, version, model } = measurements[0]!
  const fastest = fastestOf(comparisons)
  const header = [
    ...['ms', 'cold start', 'fetch', 'compile', 'instantiate', 'first run'],
    ...['median', 'p95', 'best', 'GMAC/s', 'of peak'],
  ]
  const ratios = ["attar's time ×", 'median', 'quartiles', '', 'best', 'cold start', 'outputs differ by', '']
  const sizes = ['bytes', 'raw', 'gzip', 'brotli', 'memory']
  const title = `${model} on ${engine} (${version}), registers reach ${describePeaks(peaks, macs)}`
  return [
    title,
    ...formatTable([header, ...measurements.map(timesOf)]),
    ...(isTraining ? formatTable([['steps/s', 'median'], ...measurements.map(stepsOf)]) : []),
    ...formatTable([sizes, ...measurements.map(sizesOf)]),
    ...(comparisons.length > 0 ? formatTable([ratios, ...comparisons.map(ratiosOf)], [7]) : []),
    ...(fastest ? [`fastest other system: ${fastest.against}, ${fastest.ratio.toFixed(2)} × attar's time`] : []),
    '',
  ]
}

const label = ({ system, variant }: Measurement): string => (variant === null ? system : `${system} ${variant}`)

const ms = (value: number): string => (value < 100 ? value.toPrecision(3) : formatCount(Math.round(value)))

function timesOf(m: Measurement): string[] {
  const times = [m.coldStartMs, m.fetchMs, m.compileMs, m.instantiateMs, m.firstRunMs, m.medianMs, m.p95Ms, m.bestMs]
  return [
    label(m),
    ...times.map((time) => (time === null ? '-' : ms(time))),
    m.gmacs === null ? '-' : m.gmacs.toFixed(1),
    m.ofPeak === null ? '-' : `${(100 * m.ofPeak).toFixed(0)} %`,
  ]
}

const stepsOf = (m: Measurement): string[] => [label(m), (1000 / m.medianMs).toPrecision(3)]

const sizesOf = (m: Measurement): string[] => [
  label(m),
  ...[m.bytes.raw, m.bytes.gzip, m.bytes.brotli].map(formatCount),
  m.peakBytes === null ? '-' : formatCount(m.peakBytes),
]

/** How many times attar's time a peer takes; quartiles of neighbouring samples. */
function ratiosOf(c: Comparison): string[] {
  const factors = [c.ratio, c.ratioQ1, c.ratioQ3, c.bestRatio].map((x) => x.toFixed(2))
  const verdict = c.agrees === false ? 'more than 1 %: another model, or one is quantized' : ''
  return [c.against, ...factors, c.coldStartRatio.toFixed(1), formatError(c.difference), verdict]
}
