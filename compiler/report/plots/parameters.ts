import type { Libraries } from '../libraries.ts'

/** What trials with different values of a parameter came to. */
export interface ParameterTrials {
  readonly name: string
  readonly isLogarithmic: boolean
  readonly trials: readonly { readonly value: number | string; readonly worth: number; readonly isBest: boolean }[]
}

/** One parameter: a circle for each trial that came to its end, a star for the best. */
export function parameterPlot(
  { plot: Plot, document }: Libraries,
  { name, isLogarithmic, trials }: ParameterTrials,
  label: string,
): string {
  const isNumber = trials.every(({ value }) => typeof value === 'number')
  const mark = (isBest: boolean) =>
    Plot.dot(
      trials.filter((trial) => trial.isBest === isBest),
      {
        x: 'value',
        y: 'worth',
        r: isBest ? 8 : 4,
        symbol: isBest ? 'star' : 'circle',
        stroke: 'currentColor',
        fill: isBest ? 'var(--accent)' : 'none',
      },
    )
  return Plot.plot({
    document,
    width: 420,
    height: 240,
    marginLeft: 60,
    marginBottom: 44,
    inset: 14,
    style: { fontSize: '13px', background: 'none', overflow: 'visible' },
    x: {
      label: name,
      labelOffset: 36,
      grid: true,
      ...(isNumber
        ? { type: isLogarithmic ? ('log' as const) : ('linear' as const), ticks: 4 }
        : { type: 'point' as const }),
      ...(isNumber && { tickFormat: (value: number) => `${Number(value.toPrecision(3))}` }),
    },
    y: { label, grid: true, nice: true, ticks: 5 },
    marks: [mark(false), mark(true)],
  }).outerHTML
}
