import { melFilters } from './mel.ts'
import type { Features } from './options.ts'
import { tableSize } from './spectrum.ts'

/** Numbers in the tables of a transform: 4 MB of them. */
const mostEntries = 2 ** 20
/** Pieces are put together from so many hops. */
const mostHops = 256

/** What does not go together, as a sentence; undefined where all does. */
export function contradiction(f: Features, rate: number): string | undefined {
  const { window, hop, fft, mels, low, high, log, add, floor, range, coefficients, padding } = f
  if (fft < window) return `fft is ${fft}, less than window, ${window}`
  if (padding !== 'none' && window % 2 === 1)
    return `padding: ${padding} takes a window of an even length, not ${window}`
  if (mels > 0 && !(low < high && high <= rate / 2))
    return `low ${low} and high ${high} are no band of frequencies below half of ${rate} Hz`
  if (mels > 0 && melFilters(f, rate).every(({ weights }) => weights.length === 0))
    return `no bin of a transform of ${fft} points lies in a band`
  if (coefficients > mels) return `coefficients: ${coefficients} of ${mels} mels`
  if (log !== 'none' && add === 0 && floor === 0)
    return `log: ${log} of silence is minus infinity: give add or floor, e.g. 1e-6`
  if (range > 0 && log === 'none') return 'range is of logarithms: it has no effect with log: none'
  if (window > mostHops * hop) return `hop is ${hop}, less than 1/${mostHops} of window, ${window}`
  if (tableSize(window, fft) > mostEntries)
    return `fft: a transform of ${fft} points takes too large tables, since ${fft} has no two factors of about the same size`
  if (hop > 8 * window) return `hop is ${hop}, more than 8 times window, ${window}`
  return undefined
}
