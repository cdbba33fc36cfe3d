import type { Libraries } from '../libraries.ts'

/** A model that was tried. */
export interface TriedModel {
  readonly name: string
  readonly bytes: number
  /** What the first objective says of it: the axis from bottom to top. */
  readonly worth: number
  readonly kind: 'tried' | 'chosen' | 'control'
  /** What a table calls it; its place from 1 on unless given. */
  readonly number?: string
}

const symbols = { tried: 'circle', chosen: 'star', control: 'times' } as const
const width = 860
/** Sizes over more than this factor are shown by their logarithm. */
const wide = 5

/** Models such that no other is smaller and as good: those by which a line goes. */
export function frontier(models: readonly TriedModel[], better: 'more' | 'less'): TriedModel[] {
  const sign = better === 'more' ? 1 : -1
  const order = models
    .filter(({ kind }) => kind !== 'control')
    .sort((a, b) => a.bytes - b.bytes || sign * (b.worth - a.worth))
  let best = -Infinity
  return order.filter(({ worth }) => {
    const isBetter = sign * worth > best
    best = Math.max(best, sign * worth)
    return isBetter
  })
}

/**
 * Models by bytes and worth, of which more or less is better, with the front as a line. Each has a number, which a table beside it explains: names would cover each
 * other. Kinds differ by symbol.
 */
export function front(
  { plot: Plot, document }: Libraries,
  models: readonly TriedModel[],
  worthLabel: string,
  better: 'more' | 'less',
  limits: { readonly bytes?: number | undefined; readonly worth?: number | undefined },
): string {
  const numbered = models.map((model, i) => ({ ...model, number: model.number ?? `${i + 1}` }))
  const line = frontier(numbered, better)
  const bytes = models.map((model) => model.bytes)
  const isWide = Math.max(...bytes) > wide * Math.min(...bytes)
  const mark = (kind: TriedModel['kind']) =>
    Plot.dot(
      numbered.filter((model) => model.kind === kind),
      {
        x: 'bytes',
        y: 'worth',
        r: kind === 'chosen' ? 9 : 6,
        symbol: symbols[kind],
        stroke: 'currentColor',
        strokeWidth: 1.5,
        fill: kind === 'chosen' ? 'var(--accent)' : 'none',
        title: 'name',
      },
    )
  return Plot.plot({
    document,
    width,
    height: 420,
    marginLeft: 70,
    marginRight: 40,
    marginBottom: 48,
    inset: 14,
    style: { fontSize: '13px', background: 'none', overflow: 'visible' },
    x: {
      type: isWide ? 'log' : 'linear',
      label: `bytes of the module${isWide ? ' (logarithmic)' : ''}`,
      labelOffset: 42,
      grid: true,
      ticks: 6,
      tickFormat: thousands,
    },
    y: { label: worthLabel, grid: true, nice: true },
    marks: [
      ...(limits.bytes === undefined ? [] : [Plot.ruleX([limits.bytes], dashed)]),
      ...(limits.worth === undefined ? [] : [Plot.ruleY([limits.worth], dashed)]),
      Plot.line(line, { x: 'bytes', y: 'worth', stroke: 'var(--accent)', strokeWidth: 2, curve: 'step-after' }),
      ...(['tried', 'control', 'chosen'] as const).map(mark),
      Plot.text(numbered, {
        x: 'bytes',
        y: 'worth',
        text: 'number',
        dx: 10,
        dy: -10,
        textAnchor: 'start',
        fill: 'currentColor',
        stroke: 'var(--paper)',
        strokeWidth: 4,
      }),
    ],
  }).outerHTML
}

const dashed = { stroke: 'var(--faint)', strokeDasharray: '6 4', strokeWidth: 1.5 }

/** `500`, `20k`, `1.5M` */
const thousands = (value: number): string =>
  value >= 1e6 ? `${+(value / 1e6).toPrecision(2)}M` : value >= 1e3 ? `${+(value / 1e3).toPrecision(2)}k` : `${value}`
