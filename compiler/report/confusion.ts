import { escape } from './frame.ts'

/** More classes than this make no table that can be read. */
const mostClasses = 20

/** `matrix[i][j]`: how many samples of class i are taken for class j. A table that also tells by shade, or a note where it is too large. */
export function confusionTable(
  title: string,
  classes: readonly string[],
  matrix: readonly (readonly number[])[],
): string {
  if (classes.length > mostClasses)
    return `<p class="note">${escape(title)}: ${classes.length} classes are too many for a table.</p>`
  const cell = (count: number, total: number, isRight: boolean): string => {
    const share = total === 0 ? 0 : count / total
    const style = `background: color-mix(in srgb, var(--accent) ${Math.round(60 * share)}%, transparent)`
    return `<td style="${style}">${isRight ? `<b>${count}</b>` : count === 0 ? '<span class="zero">0</span>' : count}</td>`
  }
  const rows = matrix.map((row, i) => {
    const total = row.reduce((a, b) => a + b, 0)
    return `<tr><th scope="row">${escape(classes[i]!)}</th>${row.map((count, j) => cell(count, total, i === j)).join('')}</tr>`
  })
  const head = classes.map((name) => `<th scope="col">${escape(name)}</th>`).join('')
  return `<div class="confusion"><h4>${escape(title)}</h4><div class="diagram"><table><thead><tr><th>is ↓ taken for →</th>${head}</tr></thead><tbody>${rows.join('')}</tbody></table></div></div>`
}
