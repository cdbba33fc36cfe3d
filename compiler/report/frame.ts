import { printable } from '../core/diagnostics/printable.ts'

/**
 * A page that loads nothing and needs no script: legible on narrow screens, on paper, in the dark, and without telling colours apart.
 * `own` is the style of what only this page has.
 */
export const page = (title: string, body: readonly string[], own = ''): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${generator}
<title>${escape(title)}</title>
<style>${style}${own}</style>
<body>
${body.join('\n')}
</body>
</html>
`

/** How a page says that attar made it. */
const generator = '<meta name="generator" content="attar">'

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** Escaped for HTML text and quoted attributes. */
export const escape = (text: string): string =>
  printable(text).replaceAll(/[&<>"]/g, (character) => entities[character]!)

/** The same of text whose lines are to stand as they are. */
export const escapeLines = (text: string): string => text.split('\n').map(escape).join('\n')

export const section = (title: string, parts: readonly string[]): string =>
  `<section><h2>${escape(title)}</h2>\n${parts.join('\n')}</section>`

/** A diagram, which narrow pages scroll. */
export const figure = (title: string, caption: string, diagram: string): string =>
  `<h3>${escape(title)}</h3><p class="note">${escape(caption)}</p><div class="diagram">${diagram}</div>`

/** Longer cells break into lines. */
const longCell = 28

/** The first column names the row. A column is of numbers, which stand to the right, where all of its cells begin like one. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const isText = header.map((_, i) => i > 0 && !rows.every((row) => /^[\d+–−-]|^$/.test(row[i] ?? '')))
  const line = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((text, i) => cell(text, i === 0 ? 'th' : tag, isText[i]!)).join('')}</tr>`
  return `<div class="diagram"><table><thead>${line(header, 'th')}</thead><tbody>${rows.map((row) => line(row, 'td')).join('')}</tbody></table></div>`
}

function cell(text: string, tag: string, isText: boolean): string {
  const classes = [...(isText ? ['text'] : []), ...(text.length > longCell ? ['long'] : [])]
  return `<${tag}${classes.length > 0 ? ` class="${classes.join(' ')}"` : ''}>${escape(text)}</${tag}>`
}

export const note = (text: string): string => `<p class="note">${escape(text)}</p>`

/** Of every page. */
export const style = `
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
.diagram.small svg[viewBox] { min-width: 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0.8rem 0; font-size: 0.85rem; }
th, td { border-bottom: 1px solid var(--line); padding: 0.25rem 0.5rem; text-align: right; font-weight: normal; white-space: nowrap; }
thead th { color: var(--muted); } tr > th:first-child { text-align: left; font-weight: 600; }
.text { text-align: left; } .long { white-space: normal; min-width: 12rem; }
.lead { font-size: 1.1rem; margin-bottom: 0.3rem; } p { margin: 0.3rem 0; }
.missed { border-left: 4px solid var(--part-3); padding-left: 0.7rem; font-weight: 600; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; margin: 1.2rem 0; }
.figures b { display: block; font-size: 1.35rem; font-weight: 600; } .figures span { color: var(--muted); }
.pair { display: flex; flex-wrap: wrap; gap: 1rem 3rem; } .confusion { max-width: 100%; } .confusion h4 { margin: 0.4rem 0 0; }
.zero { color: var(--muted); }
.samples { display: flex; flex-wrap: wrap; gap: 1rem; } .samples figure { margin: 0; width: 8.5rem; font-size: 0.85rem; }
.samples img { width: 100%; image-rendering: pixelated; display: block; margin-bottom: 0.2rem; }
.samples .text { font-family: ui-monospace, monospace; font-size: 0.75rem; max-height: 8rem; overflow: hidden; }
pre { overflow-x: auto; border: 1px solid var(--line); padding: 0.7rem; font-size: 0.8rem; overflow-wrap: normal; }
@media print {
  body { max-width: none; margin: 0; font-size: 10pt; } section { break-inside: auto; } figure, tr, .figures { break-inside: avoid; }
  .diagram { overflow: visible; } .diagram svg[viewBox] { min-width: 0; } pre { white-space: pre-wrap; }
  th, td { font-size: 8pt; padding: 0.15rem 0.35rem; } .text { white-space: normal; overflow-wrap: break-word; } .long { min-width: 0; }
}
`
