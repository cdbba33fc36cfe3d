import type { Libraries } from '../libraries.ts'

/** How a training went. */
export interface Curve {
  readonly name: string
  /** After each epoch. */
  readonly train: readonly number[]
  readonly validation: readonly number[]
}

const width = 860
const rowHeight = 150

/** A row for each training: the validation as a full line, the training as a dashed one. */
export function curves({ plot: Plot, document }: Libraries, all: readonly Curve[]): string {
  const points = all.flatMap(({ name, train, validation }) =>
    (['validation', 'train'] as const).flatMap((of) =>
      (of === 'train' ? train : validation).map((value, i) => ({ name, of, epoch: i + 1, value })),
    ),
  )
  const ends = all.flatMap(({ name, validation }) =>
    validation.length === 0 ? [] : [{ name, epoch: validation.length, value: validation.at(-1)! }],
  )
  return Plot.plot({
    document,
    width,
    height: all.length * rowHeight + 60,
    marginLeft: 70,
    marginRight: 70,
    marginBottom: 44,
    marginTop: 30,
    style: { fontSize: '13px', background: 'none', overflow: 'visible' },
    fy: { domain: all.map(({ name }) => name), axis: null },
    x: { label: 'epoch', labelOffset: 36, grid: true, tickFormat: (x: number) => (Number.isInteger(x) ? `${x}` : '') },
    y: { label: null, grid: true, nice: true },
    marks: [
      Plot.frame({ stroke: 'var(--line)' }),
      Plot.lineY(
        points.filter(({ of }) => of === 'train'),
        { x: 'epoch', y: 'value', fy: 'name', stroke: 'var(--faint)', strokeDasharray: '5 4', strokeWidth: 1.5 },
      ),
      Plot.lineY(
        points.filter(({ of }) => of === 'validation'),
        { x: 'epoch', y: 'value', fy: 'name', stroke: 'var(--accent)', strokeWidth: 2.5 },
      ),
      Plot.dot(
        points.filter(
          ({ of, name }) => of === 'validation' && all.find((c) => c.name === name)!.validation.length === 1,
        ),
        { x: 'epoch', y: 'value', fy: 'name', fill: 'var(--accent)' },
      ),
      Plot.text(ends, {
        x: 'epoch',
        y: 'value',
        fy: 'name',
        text: ({ value }: (typeof ends)[number]) => value.toPrecision(3),
        dx: 8,
        textAnchor: 'start',
        fill: 'currentColor',
      }),
      Plot.text(all, {
        fy: 'name',
        text: 'name',
        frameAnchor: 'top-left',
        dx: 6,
        dy: -14,
        fontWeight: 600,
        fill: 'currentColor',
      }),
    ],
  }).outerHTML
}
