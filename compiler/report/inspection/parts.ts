import { escape } from '../frame.ts'

export const count = (n: number): string => n.toLocaleString('en-US')

/** `1.23`, `45.6`, `789` */
export const short = (value: number): string =>
  value < 100 ? String(Number(value.toPrecision(3))) : count(Math.round(value))

/** A cell of a table as HTML. */
export type Cell = string

/** Names have slashes, where they may break. */
export const path = (name: string): string => escape(name).replaceAll('/', '/<wbr>')

export const text = (content: string, longest = 24): Cell =>
  `<td class="${content.length > longest ? 'words' : 'left'}">${path(content)}</td>`

export const number = (value: number | null): Cell =>
  `<td>${value === null ? '?' : value === 0 ? '<span class="zero">–</span>' : count(value)}</td>`

/** Pixels of the greatest. */
const widest = 44

/** A number with its bar. The number says it all: the bar is for the eye. */
export function bar(value: number | undefined, most: number, shown: (value: number) => string = count): Cell {
  if (value === undefined || value === 0) return '<td><span class="zero">–</span></td>'
  const width = most > 0 ? Math.max(1, (widest * value) / most) : 0
  return `<td class="bar">${escape(shown(value))}<svg width="${widest}" height="9" aria-hidden="true"><rect width="${width.toFixed(1)}" height="9"/></svg></td>`
}

/** The first cell of each row heads it. */
export const rows = (header: readonly string[], body: readonly (readonly Cell[])[]): string =>
  `<div class="diagram"><table class="layers"><thead><tr>${header.map((name) => `<th scope="col">${escape(name)}</th>`).join('')}</tr></thead>
<tbody>${body.map((cells) => `<tr>${cells.join('')}</tr>`).join('\n')}</tbody></table></div>`

/** A few figures at the top: what, how much, of what. */
export const figures = (all: readonly (readonly [string, string, string])[]): string =>
  `<div class="figures">${all.map(([what, value, more]) => `<div><span>${escape(what)}</span><b>${escape(value)}</b><span>${escape(more)}</span></div>`).join('')}</div>`

export const style = `
.layers th, .layers td { vertical-align: middle; } .layers .left { text-align: left; } .layers thead th { text-align: left; font-weight: 600; white-space: normal; overflow-wrap: normal; vertical-align: bottom; min-width: 4.5rem; } .layers thead th:first-child { min-width: 0; }
.layers .words { text-align: left; white-space: normal; min-width: 7rem; max-width: 20rem; overflow-wrap: anywhere; }
.layers td.rails, .layers th.rails { position: relative; padding: 0; } .rail { position: absolute; top: 0; left: 0; height: 100% !important; min-width: 0 !important; max-width: none !important; }
.rail path { fill: none; stroke: var(--faint); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.rail .node { stroke: var(--ink); stroke-width: 8; stroke-linecap: round; }
.bar svg { margin-left: 0.4rem; max-width: none; min-width: 0; } .bar rect { fill: var(--accent); }
.memory rect { fill: var(--part-1); } .memory .peak { fill: var(--accent); } .memory text { fill: currentColor; font-size: 12px; } .memory line { stroke: var(--line); }
.failed { border-left: 4px solid var(--part-3); padding-left: 0.7rem; }
@media (max-width: 600px) { .layers th[scope=row] { position: sticky; left: 0; max-width: 8rem; background: var(--paper); } }
@media print { .layers { font-size: 7pt; } .layers th, .layers td { padding: 1px 3px; } .layers .words { min-width: 3rem; } .bar svg { display: none; } }
`
