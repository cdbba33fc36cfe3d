import { escape, figure } from '../frame.ts'
import { count } from './parts.ts'

/** Bytes that are alive while a kernel runs. */
export interface Moment {
  readonly label: string
  readonly live: number
}

const [width, height, left, bottom] = [860, 220, 90, 34]

/** The arena's occupancy, kernel by kernel, with the moment that decides how large it is in another colour and in words. */
export function memoryOverTime(moments: readonly Moment[], weights: number, arena: number): string {
  const most = Math.max(arena, ...moments.map(({ live }) => live), 1)
  const step = (width - left - 10) / moments.length
  const y = (bytes: number): number => height - bottom - ((height - bottom - 24) * bytes) / most
  const peak = moments.reduce((best, { live }, i) => (live > moments[best]!.live ? i : best), 0)
  const bars = moments.map(({ label, live }, i) => {
    const title = `<title>${escape(`${i + 1}. ${label}: ${count(live)} bytes`)}</title>`
    const x = left + i * step
    return `<rect${i === peak ? ' class="peak"' : ''} x="${x.toFixed(1)}" y="${y(live).toFixed(1)}" width="${Math.max(0.5, step - Math.min(2, step / 4)).toFixed(1)}" height="${(height - bottom - y(live)).toFixed(1)}">${title}</rect>`
  })
  const { label, live } = moments[peak]!
  const line = (bytes: number, words: string): string =>
    `<line x1="${left}" x2="${width - 10}" y1="${y(bytes).toFixed(1)}" y2="${y(bytes).toFixed(1)}"/><text x="${left - 8}" y="${(y(bytes) + 4).toFixed(1)}" text-anchor="end">${words}</text>`
  const middle = left + (peak + 0.5) * step
  const anchor = middle < width / 3 ? 'start' : middle > (2 * width) / 3 ? 'end' : 'middle'
  const alt = `fullest in kernel ${peak + 1} of ${moments.length}: ${count(live)} bytes`
  return figure(
    'Memory over time',
    `Bytes of activations that are alive while each kernel runs, in the order they run. The fullest moment is kernel ${peak + 1}, ${label}: ${count(live)} bytes. The arena has ${count(arena)}; the weights, ${count(weights)} bytes, are always there.`,
    `<svg class="memory" role="img" aria-label="${escape(alt)}" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
${line(0, '0')}${line(most, count(most))}${bars.join('')}
<text x="${middle.toFixed(1)}" y="${(y(live) - 6).toFixed(1)}" text-anchor="${anchor}">kernel ${peak + 1}</text>
<text x="${left}" y="${height - 10}">first kernel</text><text x="${width - 10}" y="${height - 10}" text-anchor="end">last of ${moments.length}</text></svg>`,
  )
}
