import type { Image } from '../../data/index.ts'
import type { Drawing } from './draw.ts'

/** One training sample: as it is, then as it is shown in some epochs. */
export interface Row {
  readonly label: string
  readonly drawings: readonly Drawing[]
  /** What each drawing is, where that differs from `label`: of mixed samples. */
  readonly captions?: readonly string[]
}

/** Pixels along the longer side of a drawing, at least. */
const leastSide = 96
const gap = 4

const factorFor = ({ width, height }: Image): number => Math.max(1, Math.round(leastSide / Math.max(width, height)))

/** All rows as one picture, the originals in the first column. Rows hold pictures of one size. */
export function sheetImage(rows: readonly Row[]): Image {
  const images = rows.map(({ drawings }) => drawings.flatMap((d) => ('image' in d ? [d.image] : [])))
  const [first] = images.flat()
  if (!first) throw new TypeError('there is nothing to draw')
  const factor = factorFor(first)
  const [cellWidth, cellHeight] = [first.width * factor + gap, first.height * factor + gap]
  const columns = Math.max(...images.map((row) => row.length))
  // The originals stand apart.
  const apart = 2 * gap
  const [width, height] = [columns * cellWidth + gap + apart, rows.length * cellHeight + gap]
  const data = new Uint8Array(width * height * 3).fill(255)
  images.forEach((row, r) =>
    row.forEach((image, c) => {
      const [left, top] = [gap + c * cellWidth + (c > 0 ? apart : 0), gap + r * cellHeight]
      for (let y = 0; y < image.height * factor; y++)
        for (let x = 0; x < image.width * factor; x++) {
          const from = (Math.floor(y / factor) * image.width + Math.floor(x / factor)) * image.channels
          const to = ((top + y) * width + left + x) * 3
          for (let k = 0; k < 3; k++) data[to + k] = image.data[from + (image.channels === 3 ? k : 0)]!
        }
    }),
  )
  return { width, height, channels: 3, data }
}

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]!)

/** The same as a page without scripts, with what each row is. `png` gives the file of a picture. */
export async function sheetPage(
  rows: readonly Row[],
  title: string,
  augmentations: readonly string[],
  png: (image: Image) => Promise<Uint8Array>,
): Promise<string> {
  const cell = async (drawing: Drawing, what: string, caption: string | undefined): Promise<string> => {
    const below = caption === undefined ? '' : `<p class="caption">${escaped(caption)}</p>`
    if ('text' in drawing) return `<td class="text">${escaped(drawing.text)}${below}</td>`
    const { image } = drawing
    const data = Buffer.from(await png(image)).toString('base64')
    const factor = factorFor(image)
    return `<td><img alt="${escaped(what)}" width="${image.width * factor}" height="${image.height * factor}" src="data:image/png;base64,${data}">${below}</td>`
  }
  const lines: string[] = []
  for (const { label, drawings, captions } of rows) {
    const cells: string[] = []
    for (const [i, drawing] of drawings.entries())
      cells.push(await cell(drawing, i === 0 ? `${label}, as it is` : `${label}, in epoch ${i}`, captions?.[i]))
    lines.push(`<tr><th scope="row">${escaped(label)}</th>${cells.join('')}</tr>`)
  }
  const epochs = (rows[0]?.drawings ?? []).slice(1).map((_, i) => `<th scope="col">epoch ${i + 1}</th>`)
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(title)}</title>
<style>
body { font: 15px/1.4 system-ui, sans-serif; margin: 1.5rem; }
div { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { padding: 2px 4px; text-align: left; font-weight: 400; vertical-align: top; }
td:nth-child(2) { padding-right: 16px; }
img { display: block; image-rendering: pixelated; }
.text { font: 12px/1.4 ui-monospace, monospace; min-width: 12rem; overflow-wrap: anywhere; }
.caption { margin: 0 0 4px; font-size: 12px; }
</style>
<h1>${escaped(title)}</h1>
<p>Each row is a training sample: as it is, then as the training sees it. Changed by ${escaped(augmentations.join(', '))}.</p>
<div><table>
<tr><td></td><th scope="col">as it is</th>${epochs.join('')}</tr>
${lines.join('\n')}
</table></div>
</html>
`
}
