import type { Libraries } from '../libraries.ts'

/** A training of a search, by what its validation came to after each epoch. */
export interface TrialCurve {
  readonly values: readonly number[]
  readonly kind: 'complete' | 'stopped' | 'best'
}

const width = 860

/** All trainings in one frame: the best as a thick line, those that were ended early as dashed ones. */
export function trialCurves({ plot: Plot, document }: Libraries, all: readonly TrialCurve[], label: string): string {
  const points = all.flatMap(({ values, kind }, trial) =>
    values.map((value, i) => ({ trial, kind, epoch: i + 1, value })),
  )
  const lines = (kind: TrialCurve['kind'], options: object) =>
    Plot.lineY(
      points.filter((point) => point.kind === kind),
      { x: 'epoch', y: 'value', z: 'trial', ...options },
    )
  return Plot.plot({
    document,
    width,
    height: 360,
    marginLeft: 70,
    marginBottom: 44,
    style: { fontSize: '13px', background: 'none', overflow: 'visible' },
    x: { label: 'epoch', labelOffset: 36, grid: true, tickFormat: (x: number) => (Number.isInteger(x) ? `${x}` : '') },
    y: { label, grid: true, nice: true },
    marks: [
      lines('stopped', { stroke: 'var(--faint)', strokeDasharray: '4 3', strokeWidth: 1 }),
      lines('complete', { stroke: 'var(--faint)', strokeWidth: 1.2 }),
      lines('best', { stroke: 'var(--accent)', strokeWidth: 3.5 }),
      // A training of one epoch has no line.
      Plot.dot(
        points.filter(({ trial }) => all[trial]!.values.length === 1),
        { x: 'epoch', y: 'value', stroke: 'currentColor' },
      ),
    ],
  }).outerHTML
}
